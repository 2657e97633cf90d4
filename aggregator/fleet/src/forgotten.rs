//! What others have made the bucket of clusters forget.

use std::collections::HashMap;
use std::sync::Arc;

use bus_schema::ClusterName;
use tracing::info;

use super::inventory::Inventory;
use super::{Clusters, SharedRegistry};
use storage::WatchEvent;

/// Forgets, for good, what another replica or a person at the command line has made the bucket forget, also while this one was cut off.
pub async fn follow_forgotten(
    registry: Arc<SharedRegistry>,
    inventory: Inventory,
    clusters: Clusters,
) {
    let (mut recorded, mut newest_deletion) = (HashMap::new(), 0);
    let forget = |cluster: ClusterName| {
        info!(%cluster, "forgotten");
        registry.forget(&cluster);
        let inventory = inventory.clone();
        tokio::spawn(async move { inventory.forget_now_or_later(&cluster).await });
    };
    let on = |event| match event {
        // A cluster of the bucket before will be recorded in this one as soon as it is heard.
        WatchEvent::Replaced => {
            recorded.clear();
            newest_deletion = 0;
        }
        WatchEvent::Changed(cluster, entry) if entry.is_there() => {
            recorded.insert(cluster, entry.revision);
        }
        WatchEvent::Changed(cluster, entry) => {
            recorded.remove(&cluster);
            // After an interruption it comes once more, and the cluster may be heard again by then.
            if entry.revision > newest_deletion {
                newest_deletion = entry.revision;
                forget(cluster);
            }
        }
        WatchEvent::Synced(snapshot) => {
            let gone =
                |cluster: &ClusterName, revision: &mut u64| !snapshot.has(cluster, *revision);
            for (cluster, _) in recorded.extract_if(gone) {
                forget(cluster);
            }
        }
    };
    clusters.records.watch().run(None, on).await;
}
