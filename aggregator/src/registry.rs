//! The clusters that have been heard of. A value: time is an argument, nothing here waits or sends.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bus_schema::timing::{HEARTBEAT_EVERY, SLOWEST_HEARTBEAT, lost_after, stale_after};
use bus_schema::{AgentState, ClusterName, ConditionType, Heartbeat, InstanceId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

mod conditions;
mod connections;
mod feed;
mod hearing;
mod misbehaviour;
mod news;
mod saving;
mod source;
mod view;
mod window;

pub(crate) use feed::{CHANGE_BYTES, TOLD};
pub use feed::{Told, Verdict};
pub use news::News;
pub use view::ClusterView;

use connections::Connections;
use feed::Feed;
use hearing::{Hearing, Mark};
use misbehaviour::Misbehaviour;
use news::Shown;
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

/// All clusters.
#[derive(Debug, Default)]
pub struct Registry {
    clusters: BTreeMap<ClusterName, Known>,
    connections: Connections,
    hearing: Hearing,
    misbehaving_stranger: Option<Misbehaviour>,
}

#[derive(Debug)]
struct Known {
    record: Record,
    instances: BTreeMap<InstanceId, Heard>,
    /// When the record was read or first made; nothing can be overdue before.
    known_since: Mark,
    last_heard: Option<Instant>,
    saving: Saving,
    misbehaviour: Option<Misbehaviour>,
    feed: Feed,
    shown: Shown,
}

#[derive(Debug)]
struct Heard {
    heartbeat: Heartbeat,
    mark: Mark,
    /// How far the agent's clock is ahead of ours, network delay included.
    ahead: SignedDuration,
}

/// Heartbeats of all clusters together in a second, above which each is asked to send fewer.
const HEARTBEATS_A_SECOND: u64 = 400;

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
            known_since: self.hearing.mark(now.instant),
            last_heard: None,
            saving: Saving::done(now.instant),
            misbehaviour: None,
            feed: Feed::default(),
            shown: Shown::default(),
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
        let mark = self.hearing.mark(now.instant);
        let known = self.clusters.entry(cluster).or_insert_with(|| Known {
            record: Record {
                cluster_uid: None,
                first_seen: now.wall,
                last_seen: now.wall,
                heartbeat: heartbeat.clone(),
            },
            instances: BTreeMap::new(),
            known_since: mark,
            last_heard: None,
            saving: Saving::default(),
            misbehaviour: None,
            feed: Feed::default(),
            shown: Shown::default(),
        });
        known.observe(heartbeat, mark, now)
    }

    /// How often each agent should say that it lives, for so many as are known.
    #[must_use]
    pub fn pace(&self) -> Duration {
        let clusters = self.clusters.len() as u64;
        Duration::from_secs(clusters.div_ceil(HEARTBEATS_A_SECOND))
            .clamp(HEARTBEAT_EVERY, SLOWEST_HEARTBEAT)
    }

    /// Since then nobody can be heard, whoever lives.
    pub fn deaf_since(&mut self, since: Instant) {
        self.hearing.deaf_since(since);
    }

    /// Whoever comes back is heard again.
    pub fn hears_again(&mut self, now: Moment) {
        self.hearing.hears_again(now.instant);
    }

    /// Whether agents that live would be heard.
    #[must_use]
    pub fn hears(&self) -> bool {
        self.hearing.hears()
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
            .map(|known| known.presence(self.hearing.mark(now.instant)))
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
            .is_some_and(|known| known.rival(self.hearing.mark(now.instant)).is_some())
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
        Some(known.view(cluster.clone(), self.hearing.mark(now.instant), now.wall))
    }
}

impl Known {
    fn observe(&mut self, heartbeat: Heartbeat, mark: Mark, now: Moment) -> Option<Record> {
        let before = self.presence(mark);
        self.instances.retain(|_, heard| !heard.is_lost(mark));
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
        let heard = Heard {
            mark,
            ahead,
            heartbeat,
        };
        self.instances
            .insert(heard.heartbeat.instance.clone(), heard);
        let changed = other_facts || self.presence(mark) != before;
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
    fn alive(&self, now: Mark) -> impl Iterator<Item = &Heard> {
        self.instances
            .values()
            .filter(move |heard| heard.stays(now) && !self.is_rival(&heard.heartbeat))
    }

    fn rival(&self, now: Mark) -> Option<&Heartbeat> {
        let staying = self.instances.values().filter(|heard| heard.stays(now));
        staying
            .map(|heard| &heard.heartbeat)
            .find(|heartbeat| self.is_rival(heartbeat))
    }

    fn presence(&self, now: Mark) -> Presence {
        let mut alive = self.alive(now).peekable();
        if alive.peek().is_none() {
            // Known from before this aggregator's start, and its agents have not had the time to say that they live.
            let unheard = self.last_heard.is_none()
                && now.silence(self.known_since) < stale_after(HEARTBEAT_EVERY);
            return if unheard {
                Presence::Stale
            } else {
                Presence::Offline
            };
        }
        if alive.any(|heard| now.age(heard.mark) < stale_after(heard.heartbeat.every())) {
            return Presence::Online;
        }
        Presence::Stale
    }
}

impl Heard {
    /// How much of `ahead` the way may have taken.
    fn delay(&self) -> Duration {
        Duration::from_millis(self.heartbeat.round_trip_milliseconds.unwrap_or(0))
            .min(SLOWEST_HEARTBEAT)
    }

    fn is_lost(&self, now: Mark) -> bool {
        now.silence(self.mark) >= lost_after(self.heartbeat.every())
    }

    fn stays(&self, now: Mark) -> bool {
        self.heartbeat.state == AgentState::Up && !self.is_lost(now)
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
