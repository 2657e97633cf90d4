//! What others have made the bucket of clusters forget.

use std::collections::HashMap;
use std::sync::Arc;

use bus_schema::ClusterName;
use tracing::info;

use super::{Clusters, Fleet};
use storage::WatchEvent;

/// Forgets, for good, what another replica or a person at the command line has made the bucket forget, also while this one was cut off.
pub async fn follow_forgotten(fleet: Arc<Fleet>, clusters: Clusters) {
    let (mut kept, mut newest_deletion) = (HashMap::new(), 0);
    let forget = |cluster: ClusterName| {
        info!(%cluster, "forgotten");
        fleet.registry.forget(&cluster);
        let fleet = Arc::clone(&fleet);
        tokio::spawn(async move { fleet.forget_kept(&cluster).await });
    };
    let on = |event| match event {
        // What was kept in the bucket before will be kept in this one as soon as it is heard.
        WatchEvent::Replaced => {
            kept.clear();
            newest_deletion = 0;
        }
        WatchEvent::Changed(cluster, entry) if entry.is_there() => {
            kept.insert(cluster, entry.revision);
        }
        WatchEvent::Changed(cluster, entry) => {
            kept.remove(&cluster);
            // After an interruption it comes once more, and the cluster may be heard again by then.
            if entry.revision > newest_deletion {
                newest_deletion = entry.revision;
                forget(cluster);
            }
        }
        WatchEvent::Synced(snapshot) => {
            let gone =
                |cluster: &ClusterName, revision: &mut u64| !snapshot.has(cluster, *revision);
            for (cluster, _) in kept.extract_if(gone) {
                forget(cluster);
            }
        }
    };
    clusters.records.watch().run(None, on).await;
}
