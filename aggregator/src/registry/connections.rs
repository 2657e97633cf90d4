//! Agents' connections, as the nats-server tells of them. One that was never heard of is as good as one that has ended.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bus_schema::{ClusterName, InstanceId};

use super::{Moment, Registry};
use crate::enrolment::Coming;

/// Heartbeats that were under way when their sender was cut off arrive within this time.
const STRAGGLERS: Duration = Duration::from_secs(2);

/// The latest connection of each instance. It may have a new one before the end of its old one is told; and of those that end with
/// their nats-server nobody tells.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: BTreeMap<(ClusterName, InstanceId), (String, u64)>,
    forgotten: BTreeMap<ClusterName, Instant>,
}

impl Connections {
    /// Once for each of their agents.
    pub(super) fn clusters(&self) -> impl Iterator<Item = &ClusterName> {
        self.open.keys().map(|(cluster, _)| cluster)
    }

    /// Whether what comes from this cluster was sent before it was forgotten.
    pub(super) fn is_straggler(&self, cluster: &ClusterName, now: Moment) -> bool {
        let forgotten = self.forgotten.get(cluster);
        forgotten.is_some_and(|at| now.instant.saturating_duration_since(*at) < STRAGGLERS)
    }
}

impl Registry {
    /// An agent's connection has come to be.
    pub fn connected(&mut self, coming: &Coming) {
        let key = (coming.cluster.clone(), coming.instance.clone());
        let connection = coming.connection.clone();
        self.connections.open.insert(key, connection);
        // Whoever was locked out with the cluster does not come in again: this one was let in since.
        self.connections.forgotten.remove(&coming.cluster);
    }

    /// An agent's connection has ended; whether the agent is gone with it.
    pub fn disconnected(&mut self, going: &Coming) -> bool {
        let key = (going.cluster.clone(), going.instance.clone());
        match self.connections.open.get(&key) {
            Some(latest) if *latest != going.connection => return false,
            _ => self.connections.open.remove(&key),
        };
        let known = self.clusters.get_mut(&going.cluster);
        known.is_some_and(|known| known.instances.remove(&going.instance).is_some())
    }

    /// Forgets a cluster, and what is still under way from it; whether it was known.
    pub fn forget(&mut self, cluster: &ClusterName, now: Moment) -> bool {
        let known = self.clusters.remove(cluster).is_some();
        let recent = |at: &Instant| now.instant.saturating_duration_since(*at) < STRAGGLERS;
        self.connections.forgotten.retain(|_, at| recent(at));
        self.connections
            .forgotten
            .insert(cluster.clone(), now.instant);
        known
    }
}
