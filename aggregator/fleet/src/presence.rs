//! Which clusters are heard, and what the nats-server says of their connections.

use bus_schema::ClusterName;
use registry::{ConnectionEvent, Moment, Presence};
use storage::BucketError;

use super::Fleet;

impl Fleet {
    /// How many clusters there are of each presence.
    #[must_use]
    pub fn count_by_presence(&self) -> [(&'static str, i64); 3] {
        let mut counts = [Presence::Online, Presence::Stale, Presence::Offline].map(|p| (p, 0));
        let (registry, now) = (self.registry(), Moment::now());
        for presence in registry
            .names()
            .filter_map(|name| registry.presence(name, now))
        {
            for (of, count) in &mut counts {
                *count += i64::from(*of == presence);
            }
        }
        counts.map(|(presence, count)| (presence.word(), count))
    }

    /// Whether a cluster is heard; `None` if it is not known.
    #[must_use]
    pub fn presence(&self, cluster: &ClusterName) -> Option<Presence> {
        self.registry().presence(cluster, Moment::now())
    }

    /// Takes in that an agent has connected or disconnected; whether it is gone by that.
    pub fn take_connection_event(&self, connects: bool, event: &ConnectionEvent) -> bool {
        self.change(&event.cluster, |registry, _| {
            if connects {
                registry.connected(event);
            }
            !connects && registry.disconnected(event)
        })
    }

    /// Forgets a cluster here and, with its labels, for all replicas.
    ///
    /// # Errors
    /// When a bucket does not answer: it can be done again.
    pub async fn forget_for_good(&self, cluster: &ClusterName) -> Result<(), BucketError> {
        self.clusters.forget(cluster).await?;
        self.forget(cluster);
        Ok(())
    }
}
