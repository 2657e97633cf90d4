//! Agents' connections, as reported by the nats-server. A connection that was never reported is treated like one that has ended.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bus_schema::{ClusterName, InstanceId};

use super::Registry;
use super::moment::Moment;

/// Heartbeats that were in transit when their sender was disconnected arrive within this time.
const STRAGGLERS: Duration = Duration::from_secs(2);

/// An agent's connection that was opened or closed. The nats-server authenticates the cluster; the instance is as claimed by the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionEvent {
    /// The agent's cluster.
    pub cluster: ClusterName,
    /// The agent's instance.
    pub instance: InstanceId,
    /// The server's id and the connection's number there.
    pub connection: (String, u64),
}

/// The latest connection of each instance. A new connection may be reported before the end of the old one, and the end of connections to a
/// nats-server that stops is not reported at all.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: BTreeMap<(ClusterName, InstanceId), (String, u64)>,
    forgotten: BTreeMap<ClusterName, Instant>,
}

impl Connections {
    /// The clusters of connected agents, once for each agent.
    pub(super) fn clusters(&self) -> impl Iterator<Item = &ClusterName> {
        self.open.keys().map(|(cluster, _)| cluster)
    }

    /// Whether a message from this cluster may have been sent before it was removed.
    pub(super) fn is_straggler(&self, cluster: &ClusterName, now: Moment) -> bool {
        let forgotten = self.forgotten.get(cluster);
        forgotten.is_some_and(|at| now.instant.saturating_duration_since(*at) < STRAGGLERS)
    }
}

impl Registry {
    /// An agent has connected.
    pub fn connected(&mut self, event: &ConnectionEvent) {
        let key = (event.cluster.clone(), event.instance.clone());
        let connection = event.connection.clone();
        self.connections.open.insert(key, connection);
        // A credential that was revoked with the cluster cannot connect again, so this one was issued later.
        self.connections.forgotten.remove(&event.cluster);
    }

    /// An agent's connection has ended; returns whether the agent is gone with it. After a partition it is not: agents that were cut off, too,
    /// connect anew, and the end of the old connection may be reported later than that. Heartbeats decide.
    pub fn disconnected(&mut self, event: &ConnectionEvent, now: Moment) -> bool {
        let key = (event.cluster.clone(), event.instance.clone());
        match self.connections.open.get(&key) {
            Some(latest) if *latest != event.connection => return false,
            _ => self.connections.open.remove(&key),
        };
        if !self.bus_liveness.is_settled(now.instant) {
            return false;
        }
        let entry = self.clusters.get_mut(&event.cluster);
        entry.is_some_and(|entry| entry.instances.remove(&event.instance).is_some())
    }

    /// Removes a cluster, and ignores messages that are still in transit from it; returns whether it was known.
    pub fn forget(&mut self, cluster: &ClusterName, now: Moment) -> bool {
        let entry = self.clusters.remove(cluster).is_some();
        let recent = |at: &Instant| now.instant.saturating_duration_since(*at) < STRAGGLERS;
        self.connections.forgotten.retain(|_, at| recent(at));
        self.connections
            .forgotten
            .insert(cluster.clone(), now.instant);
        entry
    }
}
