//! Agents' connections, as the nats-server tells of them. One that was never heard of is as good as one that has ended.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bus_schema::{ClusterName, InstanceId};

use super::{Moment, Registry};

/// Heartbeats that were under way when their sender was cut off arrive within this time.
const STRAGGLERS: Duration = Duration::from_secs(2);

/// An agent's connection that has just come to be, or has ended. The nats-server authenticates the cluster; the instance is what the
/// agent says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionEvent {
    /// Whose agent.
    pub cluster: ClusterName,
    /// Which of its agents.
    pub instance: InstanceId,
    /// Which connection, by the server's own count.
    pub connection: (String, u64),
}

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
    pub fn connected(&mut self, event: &ConnectionEvent) {
        let key = (event.cluster.clone(), event.instance.clone());
        let connection = event.connection.clone();
        self.connections.open.insert(key, connection);
        // A credential that was revoked with the cluster does not connect again: this one was enrolled since.
        self.connections.forgotten.remove(&event.cluster);
    }

    /// An agent's connection has ended; whether the agent is gone with it.
    pub fn disconnected(&mut self, event: &ConnectionEvent) -> bool {
        let key = (event.cluster.clone(), event.instance.clone());
        match self.connections.open.get(&key) {
            Some(latest) if *latest != event.connection => return false,
            _ => self.connections.open.remove(&key),
        };
        let known = self.clusters.get_mut(&event.cluster);
        known.is_some_and(|known| known.instances.remove(&event.instance).is_some())
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
