//! Events published to watchers of the fleet.

use serde_json::Value;

use crate::service::Service;
use crate::watcher::Watcher;

mod hostile;
mod published;
mod readers;
mod slow;

/// Watches; each of these clusters is then followed, and everything it sends from now on is published.
async fn following(service: &Service, token: &str, clusters: &[&str]) -> Watcher {
    let mut watcher = Watcher::open(service, "/watch", token, None).await;
    assert_eq!(watcher.next().await.name, "reset");
    for cluster in clusters {
        let one = |event: &Value| event["cluster"] == *cluster;
        watcher.until("gap", one).await;
    }
    watcher
}

/// Whether it is about this deployment.
fn of(event: &Value, cluster: &str, (namespace, name): &(String, String)) -> bool {
    event["cluster"] == cluster && event["namespace"] == **namespace && event["name"] == **name
}
