//! The clusters that have been heard of. A value: time is an argument, nothing here waits or sends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bus_keys::streams::{BucketSpec, CLUSTERS};
use bus_schema::timing::{HEARTBEAT_EVERY, SLOWEST_HEARTBEAT};
use bus_schema::{ClusterName, Heartbeat};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use labels::FleetLabels;

mod bus_liveness;
mod conditions;
mod connections;
mod events;
mod feed;
mod follow;
mod known;
mod saving;
mod shown;
mod source;
mod view;
mod violation;

pub use connections::ConnectionEvent;
pub use events::RegistryEvent;
pub use feed::{CHANGE_BYTES, CHANGES_LIMIT, ChangeRange, Verdict};
pub use source::{LastChanges, ListSource};
pub use view::ClusterView;

use bus_liveness::BusLiveness;
use connections::Connections;
use known::Known;
use saving::Saving;
use violation::ProtocolViolation;

/// Now, on both clocks: ages are measured on the one that never jumps, and shown on the other.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// For ages.
    pub instant: Instant,
    /// For people.
    pub wall: Timestamp,
}

impl Moment {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        Self {
            instant: Instant::now(),
            wall: Timestamp::now(),
        }
    }
}

/// Whether a cluster's agents are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Heard in time.
    Online,
    /// Overdue: what is known may be out of date, and nothing may be changed.
    Stale,
    /// Not heard for three heartbeats, or its agents said that they leave.
    Offline,
}

impl Presence {
    /// It in one word, as in answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Stale => "stale",
            Self::Offline => "offline",
        }
    }
}

/// What is kept of a cluster over restarts of the aggregator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The uid of the Kubernetes cluster that the name belongs to: the first one that was heard.
    pub cluster_uid: Option<String>,
    /// When the name was first heard.
    pub first_seen: Timestamp,
    /// When it was last heard.
    pub last_seen: Timestamp,
    /// The last heartbeat.
    pub heartbeat: Heartbeat,
}

impl storage::Record for Record {
    const BUCKET: BucketSpec = CLUSTERS;
    type Key = ClusterName;
    const KEY: &'static str = "a cluster's name";
    // As long as JetStream itself waits: after a start all clusters are written at once.
    const WITHIN: Duration = Duration::from_secs(5);
}

/// All clusters.
#[derive(Debug, Default)]
pub struct Registry {
    clusters: BTreeMap<ClusterName, Known>,
    labels: Arc<FleetLabels>,
    connections: Connections,
    bus_liveness: BusLiveness,
    violation_of_unknown: Option<ProtocolViolation>,
}

/// Heartbeats of all clusters together in a second, above which each is asked to send fewer.
const HEARTBEATS_A_SECOND: u64 = 400;

impl Registry {
    /// Takes over what was kept. What has been heard already is newer and stays.
    pub fn restore(&mut self, cluster: ClusterName, record: Record, now: Moment) {
        let (epoch, saving) = (
            self.bus_liveness.epoch(now.instant),
            Saving::done(now.instant),
        );
        let known = || Known::new(record, epoch, saving);
        self.clusters.entry(cluster).or_insert_with(known);
    }

    /// Takes in a heartbeat; the record where it is to be kept now.
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
        let known = self.clusters.entry(cluster).or_insert_with(|| {
            let record = Record {
                cluster_uid: None,
                first_seen: now.wall,
                last_seen: now.wall,
                heartbeat: heartbeat.clone(),
            };
            Known::new(record, epoch, Saving::default())
        });
        known.observe(heartbeat, epoch, now)
    }

    /// How often each agent should say that it lives, for so many as are known.
    #[must_use]
    pub fn pace(&self) -> Duration {
        let clusters = self.clusters.len() as u64;
        Duration::from_secs(clusters.div_ceil(HEARTBEATS_A_SECOND))
            .clamp(HEARTBEAT_EVERY, SLOWEST_HEARTBEAT)
    }

    /// Since then this aggregator is partitioned from the bus, and silence says nothing of agents.
    pub fn partitioned_since(&mut self, since: Instant) {
        self.bus_liveness.partitioned_since(since);
    }

    /// The bus answers again: agents have time to come back.
    pub fn reconnected(&mut self, now: Moment) {
        self.bus_liveness.reconnected(now.instant);
    }

    /// Whether the bus answers, so that silence means something.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.bus_liveness.is_connected()
    }

    /// When the cluster was last heard.
    #[must_use]
    pub fn last_seen(&self, cluster: &ClusterName) -> Option<Timestamp> {
        Some(self.clusters.get(cluster)?.record.last_seen)
    }

    /// Whether the cluster is heard; `None` if it was never heard of.
    #[must_use]
    pub fn presence(&self, cluster: &ClusterName, now: Moment) -> Option<Presence> {
        self.clusters
            .get(cluster)
            .map(|known| known.presence(self.bus_liveness.epoch(now.instant)))
    }

    /// The uid that the name belongs to.
    #[must_use]
    pub fn uid(&self, cluster: &ClusterName) -> Option<&str> {
        self.clusters.get(cluster)?.record.cluster_uid.as_deref()
    }

    /// Takes over the labels of all clusters.
    pub fn label(&mut self, labels: Arc<FleetLabels>) {
        self.labels = labels;
    }

    /// Whether a second Kubernetes cluster claims the name.
    #[must_use]
    pub fn is_contested(&self, cluster: &ClusterName, now: Moment) -> bool {
        self.clusters
            .get(cluster)
            .is_some_and(|known| known.rival(self.bus_liveness.epoch(now.instant)).is_some())
    }

    /// Whether the cluster's agents answer this verb, as far as they have said; an older one may not.
    #[must_use]
    pub fn answers(&self, cluster: &ClusterName, verb: &str) -> bool {
        self.clusters.get(cluster).is_none_or(|known| {
            let verbs = &known.record.heartbeat.verbs;
            verbs.is_empty() || verbs.iter().any(|answered| answered == verb)
        })
    }

    /// Every cluster by name.
    pub fn names(&self) -> impl Iterator<Item = &ClusterName> {
        self.clusters.keys()
    }

    /// Those by name whose agents have been heard, or are connected as far as the server has told.
    pub fn heard_or_connected(&self) -> impl Iterator<Item = &ClusterName> {
        self.names().chain(self.connections.clusters())
    }

    /// What is shown of a cluster.
    #[must_use]
    pub fn view(&self, cluster: &ClusterName, now: Moment) -> Option<ClusterView> {
        let known = self.clusters.get(cluster)?;
        let epoch = self.bus_liveness.epoch(now.instant);
        Some(known.view(cluster.clone(), self.labels.of(cluster), (epoch, now.wall)))
    }
}

#[cfg(test)]
mod tests;
