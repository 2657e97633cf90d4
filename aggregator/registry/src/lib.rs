//! The known clusters and their presence. A value: time is an argument, and nothing here waits or sends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bus_schema::timing::{HEARTBEAT_EVERY, SLOWEST_HEARTBEAT};
use bus_schema::{ClusterName, Heartbeat};
use jiff::Timestamp;

use labels::FleetLabels;

mod bus_liveness;
mod cluster_entry;
mod conditions;
mod connections;
mod events;
mod feed;
mod follow;
mod moment;
mod presence;
mod published_views;
mod record;
mod saving;
mod source;
mod view;
mod violation;

pub use connections::ConnectionEvent;
pub use events::RegistryEvent;
pub use feed::{CHANGE_BYTES, CHANGES_LIMIT, ChangeRange, Verdict};
pub use moment::Moment;
pub use presence::Presence;
pub use record::Record;
pub use source::{LastChanges, ListSource};
pub use view::ClusterView;

use bus_liveness::BusLiveness;
use cluster_entry::ClusterEntry;
use connections::Connections;
use saving::Saving;
use violation::ProtocolViolation;

/// All clusters.
#[derive(Debug, Default)]
pub struct Registry {
    clusters: BTreeMap<ClusterName, ClusterEntry>,
    labels: Arc<FleetLabels>,
    connections: Connections,
    bus_liveness: BusLiveness,
    violation_of_unknown: Option<ProtocolViolation>,
}

/// Target rate of heartbeats per second of all clusters together. Above it, agents are requested to send fewer.
const HEARTBEATS_A_SECOND: u64 = 400;

impl Registry {
    /// Restores a saved record, unless a heartbeat of the cluster has arrived already, which is newer.
    pub fn restore(&mut self, cluster: ClusterName, record: Record, now: Moment) {
        let (epoch, saving) = (
            self.bus_liveness.epoch(now.instant),
            Saving::done(now.instant),
        );
        let entry = || ClusterEntry::new(record, epoch, saving);
        self.clusters.entry(cluster).or_insert_with(entry);
    }

    /// Applies a heartbeat; returns the record if it must be saved now.
    pub fn observe(
        &mut self,
        cluster: ClusterName,
        heartbeat: Heartbeat,
        now: Moment,
    ) -> Option<Record> {
        if self.connections.is_straggler(&cluster, now) {
            return None;
        }
        let epoch = self.bus_liveness.epoch(now.instant);
        let entry = self.clusters.entry(cluster).or_insert_with(|| {
            let record = Record {
                cluster_uid: None,
                first_seen: now.wall,
                last_seen: now.wall,
                heartbeat: heartbeat.clone(),
            };
            ClusterEntry::new(record, epoch, Saving::default())
        });
        entry.observe(heartbeat, epoch, now)
    }

    /// The heartbeat interval for the current number of clusters.
    #[must_use]
    pub fn heartbeat_interval(&self) -> Duration {
        let clusters = self.clusters.len() as u64;
        Duration::from_secs(clusters.div_ceil(HEARTBEATS_A_SECOND))
            .clamp(HEARTBEAT_EVERY, SLOWEST_HEARTBEAT)
    }

    /// This aggregator is partitioned from the bus since then, so missing heartbeats do not count.
    pub fn partitioned_since(&mut self, since: Instant) {
        self.bus_liveness.partitioned_since(since);
    }

    /// Must be called every second: a process that was suspended has not received heartbeats either.
    pub fn tick(&mut self, now: Moment) {
        self.bus_liveness.tick(now.instant);
    }

    /// The bus responds again: agents get time to reconnect.
    pub fn reconnected(&mut self, now: Moment) {
        self.bus_liveness.reconnected(now.instant);
    }

    /// Whether the bus responds, so that missing heartbeats count.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.bus_liveness.is_connected()
    }

    /// When the last heartbeat of the cluster arrived.
    #[must_use]
    pub fn last_seen(&self, cluster: &ClusterName) -> Option<Timestamp> {
        Some(self.clusters.get(cluster)?.record.last_seen)
    }

    /// The presence of a cluster; `None` if it is unknown.
    #[must_use]
    pub fn presence(&self, cluster: &ClusterName, now: Moment) -> Option<Presence> {
        self.clusters
            .get(cluster)
            .map(|entry| entry.presence(self.bus_liveness.epoch(now.instant)))
    }

    /// The uid that the name belongs to.
    #[must_use]
    pub fn uid(&self, cluster: &ClusterName) -> Option<&str> {
        self.clusters.get(cluster)?.record.cluster_uid.as_deref()
    }

    /// Sets the labels of all clusters.
    pub fn label(&mut self, labels: Arc<FleetLabels>) {
        self.labels = labels;
    }

    /// Whether a second Kubernetes cluster claims the name.
    #[must_use]
    pub fn is_contested(&self, cluster: &ClusterName, now: Moment) -> bool {
        self.clusters
            .get(cluster)
            .is_some_and(|entry| entry.rival(self.bus_liveness.epoch(now.instant)).is_some())
    }

    /// Whether the cluster's agents support this verb, according to their heartbeats; older agents may not.
    #[must_use]
    pub fn answers(&self, cluster: &ClusterName, verb: &str) -> bool {
        self.clusters.get(cluster).is_none_or(|entry| {
            let verbs = &entry.record.heartbeat.verbs;
            verbs.is_empty() || verbs.iter().any(|answered| answered == verb)
        })
    }

    /// Whether the cluster is enrolled for this mutation, according to the heartbeats of its agents.
    #[must_use]
    pub fn allows(&self, cluster: &ClusterName, verb: &str) -> bool {
        self.clusters.get(cluster).is_none_or(|known| {
            let allowed = known.record.heartbeat.allowed_verbs.as_ref();
            allowed.is_none_or(|allowed| allowed.iter().any(|allowed| allowed == verb))
        })
    }

    /// Every cluster by name.
    pub fn names(&self) -> impl Iterator<Item = &ClusterName> {
        self.clusters.keys()
    }

    /// Clusters by name that are known, or whose agents are connected according to the nats-server. A cluster can occur several times.
    pub fn known_or_connected(&self) -> impl Iterator<Item = &ClusterName> {
        self.names().chain(self.connections.clusters())
    }

    /// The view of a cluster.
    #[must_use]
    pub fn view(&self, cluster: &ClusterName, now: Moment) -> Option<ClusterView> {
        let entry = self.clusters.get(cluster)?;
        let epoch = self.bus_liveness.epoch(now.instant);
        Some(entry.view(cluster.clone(), self.labels.of(cluster), (epoch, now.wall)))
    }
}

#[cfg(test)]
mod tests;
