//! The clusters that have been heard of. A value: time is an argument, nothing here waits or sends.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bus_schema::timing::{LOST_AFTER, STALE_AFTER};
use bus_schema::{AgentState, ClusterName, ConditionType, Heartbeat, InstanceId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

mod conditions;
mod connections;
mod misbehaviour;
mod saving;
mod view;

pub use view::ClusterView;

use connections::Connections;
use misbehaviour::Misbehaviour;
use saving::Saving;

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

/// All clusters.
#[derive(Debug, Default)]
pub struct Registry {
    clusters: BTreeMap<ClusterName, Known>,
    connections: Connections,
    misbehaving_stranger: Option<Misbehaviour>,
}

#[derive(Debug)]
struct Known {
    record: Record,
    instances: BTreeMap<InstanceId, Heard>,
    /// When the record was read or first made; nothing can be overdue before.
    known_since: Instant,
    last_heard: Option<Instant>,
    saving: Saving,
    misbehaviour: Option<Misbehaviour>,
}

#[derive(Debug)]
struct Heard {
    heartbeat: Heartbeat,
    at: Instant,
    /// How far the agent's clock is ahead of ours, network delay included.
    ahead: SignedDuration,
}

/// Instances of one cluster's agent that are listened to: more are no replicas but a defect or an attack.
const INSTANCES: usize = 32;

/// What more instances than that do.
const CROWDED: &str = "claims to be its thirty-third or a later one, and is passed over";

impl Registry {
    /// Takes over what was kept. What has been heard already is newer and stays.
    pub fn restore(&mut self, cluster: ClusterName, record: Record, now: Moment) {
        self.clusters.entry(cluster).or_insert_with(|| Known {
            record,
            instances: BTreeMap::new(),
            known_since: now.instant,
            last_heard: None,
            saving: Saving::done(now.instant),
            misbehaviour: None,
        });
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
        let known = self.clusters.entry(cluster).or_insert_with(|| Known {
            record: Record {
                cluster_uid: None,
                first_seen: now.wall,
                last_seen: now.wall,
                heartbeat: heartbeat.clone(),
            },
            instances: BTreeMap::new(),
            known_since: now.instant,
            last_heard: None,
            saving: Saving::default(),
            misbehaviour: None,
        });
        known.observe(heartbeat, now)
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
            .map(|known| known.presence(now.instant))
    }

    /// The uid that the name belongs to.
    #[must_use]
    pub fn uid(&self, cluster: &ClusterName) -> Option<&str> {
        self.clusters.get(cluster)?.record.cluster_uid.as_deref()
    }

    /// Whether a second Kubernetes cluster claims the name.
    #[must_use]
    pub fn is_contested(&self, cluster: &ClusterName, now: Moment) -> bool {
        self.clusters
            .get(cluster)
            .is_some_and(|known| known.rival(now.instant).is_some())
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

    /// What is shown of a cluster.
    #[must_use]
    pub fn view(&self, cluster: &ClusterName, now: Moment) -> Option<ClusterView> {
        let known = self.clusters.get(cluster)?;
        Some(known.view(cluster.clone(), now))
    }
}

impl Known {
    fn observe(&mut self, heartbeat: Heartbeat, now: Moment) -> Option<Record> {
        let before = self.presence(now.instant);
        self.instances
            .retain(|_, heard| now.instant.saturating_duration_since(heard.at) < LOST_AFTER);
        if self.record.cluster_uid.is_none() {
            self.record.cluster_uid.clone_from(&heartbeat.cluster_uid);
        }
        let before_facts = self.instances.get(&heartbeat.instance);
        let other_facts =
            before_facts.map(|heard| facts(&heard.heartbeat)) != Some(facts(&heartbeat));
        if before_facts.is_none() && self.instances.len() >= INSTANCES {
            self.misbehave(CROWDED, now);
            return None;
        }
        // A rival is shown as a condition, and does not become what is known of the cluster.
        if !self.is_rival(&heartbeat) {
            self.record.last_seen = now.wall;
            self.record.heartbeat = heartbeat.clone();
            self.last_heard = Some(now.instant);
        }
        let ahead = heartbeat.sent_at.duration_since(now.wall);
        self.instances.insert(
            heartbeat.instance.clone(),
            Heard {
                heartbeat,
                at: now.instant,
                ahead,
            },
        );
        let changed = other_facts || self.presence(now.instant) != before;
        self.saving
            .is_due(changed, now.instant)
            .then(|| self.record.clone())
    }

    fn is_rival(&self, heartbeat: &Heartbeat) -> bool {
        match (&self.record.cluster_uid, &heartbeat.cluster_uid) {
            (Some(bound), Some(claimed)) => bound != claimed,
            _ => false,
        }
    }

    /// Instances that are heard and belong to the cluster.
    fn alive(&self, now: Instant) -> impl Iterator<Item = (&Heard, Duration)> {
        self.instances
            .values()
            .filter(|heard| {
                heard.heartbeat.state == AgentState::Up && !self.is_rival(&heard.heartbeat)
            })
            .map(move |heard| (heard, now.saturating_duration_since(heard.at)))
            .filter(|(_, age)| *age < LOST_AFTER)
    }

    fn rival(&self, now: Instant) -> Option<&Heartbeat> {
        self.instances
            .values()
            .filter(|heard| now.saturating_duration_since(heard.at) < LOST_AFTER)
            .map(|heard| &heard.heartbeat)
            .find(|heartbeat| heartbeat.state == AgentState::Up && self.is_rival(heartbeat))
    }

    fn presence(&self, now: Instant) -> Presence {
        match self.alive(now).map(|(_, age)| age).min() {
            Some(age) if age < STALE_AFTER => Presence::Online,
            Some(_) => Presence::Stale,
            // Known from before this aggregator's start, and its agents have not had the time to say that they live.
            None if self.last_heard.is_none()
                && now.saturating_duration_since(self.known_since) < STALE_AFTER =>
            {
                Presence::Stale
            }
            None => Presence::Offline,
        }
    }
}

/// What of a heartbeat is worth keeping at once when it changes.
fn facts(
    heartbeat: &Heartbeat,
) -> (
    AgentState,
    &str,
    Option<&str>,
    Option<&str>,
    Vec<ConditionType>,
) {
    (
        heartbeat.state,
        &heartbeat.agent_version,
        heartbeat.kubernetes_version.as_deref(),
        heartbeat.cluster_uid.as_deref(),
        heartbeat
            .conditions
            .iter()
            .map(|condition| condition.kind)
            .collect(),
    )
}

#[cfg(test)]
mod tests;
