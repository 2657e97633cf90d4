//! What is told to those who watch the fleet.

use serde_json::{Value, json};

use crate::stack::Stack;
use crate::watcher::Watcher;

/// Waits until changes of a cluster are followed: from then on each of them is told.
pub async fn followed(watcher: &mut Watcher, cluster: &str) {
    watcher
        .until("gap", |event| event["cluster"] == cluster)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_seen_by_whoever_watches() {
    let stack = Stack::start(2).await;
    let token = stack.service.token("admin").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let mut watcher = Watcher::open(&stack.service, "/watch", &token, None).await;
    assert_eq!(watcher.next().await.data, json!({"reason": "started"}));
    let body = json!({"cluster": "cluster-a", "namespace": namespace, "deployment_name": name});
    stack.service.post("/restart", &token, &body).await;
    let mine = |event: &Value| {
        event["cluster"] == "cluster-a"
            && event["namespace"] == *namespace
            && event["deployment_name"] == *name
    };
    let event = watcher
        .until("deployment", |event| {
            mine(event) && event["deployment"]["restarted_at"].is_string()
        })
        .await;
    // The very line that the list shows.
    assert_eq!(event["deployment"]["cluster"], "cluster-a");
    assert_eq!(event["deployment"]["namespace"], *namespace);
    watcher
        .until("deployment", |event| {
            mine(event) && event["deployment"]["health"] == "healthy"
        })
        .await;
}
