//! Clusters that were forgotten elsewhere.

use std::collections::HashMap;
use std::sync::Arc;

use bus_schema::ClusterName;
use tracing::info;

use super::inventory::Inventory;
use super::{Clusters, SharedRegistry};
use storage::WatchEvent;

/// Forgets, until the program ends, clusters that another replica or a user of the command line has deleted from the bucket, including
/// while this replica was partitioned.
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
        // A cluster that was recorded in the previous bucket is recorded in this one after its next heartbeat.
        WatchEvent::Replaced => {
            recorded.clear();
            newest_deletion = 0;
        }
        WatchEvent::Changed(cluster, entry) if entry.is_there() => {
            recorded.insert(cluster, entry.revision);
        }
        WatchEvent::Changed(cluster, entry) => {
            recorded.remove(&cluster);
            // After an interruption the deletion arrives once more, and by then the cluster may have sent heartbeats again.
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
