//! The state of one cluster and of its agents.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bus_schema::timing::{
    CLOCK_SKEW_SHOWN, HEARTBEAT_EVERY, SLOWEST_HEARTBEAT, lost_after, stale_after,
};
use bus_schema::{AgentState, ClusterName, ConditionType, Heartbeat, InstanceId};
use jiff::{SignedDuration, Timestamp};

use super::bus_liveness::LivenessEpoch;
use super::feed::Feed;
use super::moment::Moment;
use super::presence::Presence;
use super::published_views::PublishedViews;
use super::record::Record;
use super::saving::Saving;
use super::view::{ClusterView, allowed_verbs};
use super::violation::{ProtocolViolation, note};
use labels::Labels;

#[derive(Debug)]
pub struct ClusterEntry {
    pub record: Record,
    pub instances: BTreeMap<InstanceId, AgentInstance>,
    /// When the record was restored or created; nothing can be overdue before.
    pub known_since: LivenessEpoch,
    pub last_heard: Option<Instant>,
    pub saving: Saving,
    pub violation: Option<ProtocolViolation>,
    pub feed: Feed,
    pub published_views: PublishedViews,
}

#[derive(Debug)]
pub struct AgentInstance {
    pub heartbeat: Heartbeat,
    pub epoch: LivenessEpoch,
    /// How far the agent's clock is ahead of this machine's, including network delay.
    pub ahead: SignedDuration,
    /// When the first of those heartbeats arrived that have had an earlier time than is shown; the last one without interruption.
    pub behind_since: Option<Instant>,
}

/// Agents of one cluster that are tracked: more than that are not replicas but a defect or an attack.
pub const INSTANCES: usize = 32;

/// The protocol violation of any further agent.
const CROWDED: &str = "is ignored, since more than 32 agents claim the cluster";

impl ClusterEntry {
    /// A cluster with this record and no live agents.
    pub fn new(record: Record, known_since: LivenessEpoch, saving: Saving) -> Self {
        Self {
            record,
            instances: BTreeMap::new(),
            known_since,
            last_heard: None,
            saving,
            violation: None,
            feed: Feed::default(),
            published_views: PublishedViews::default(),
        }
    }

    pub fn observe(
        &mut self,
        heartbeat: Heartbeat,
        epoch: LivenessEpoch,
        now: Moment,
    ) -> Option<Record> {
        let before = self.presence(epoch);
        self.instances
            .retain(|_, instance| !instance.is_lost(epoch));
        if self.record.cluster_uid.is_none() {
            self.record.cluster_uid.clone_from(&heartbeat.cluster_uid);
        }
        let before_facts = self.instances.get(&heartbeat.instance);
        let other_facts =
            before_facts.map(|instance| facts(&instance.heartbeat)) != Some(facts(&heartbeat));
        if before_facts.is_none() && self.instances.len() >= INSTANCES {
            note(&mut self.violation, CROWDED, Duration::ZERO, now);
            return None;
        }
        // A rival is shown as a condition, and does not change the state of the cluster.
        if !self.is_rival(&heartbeat) {
            self.record.last_seen = now.wall;
            self.record.heartbeat = heartbeat.clone();
            self.last_heard = Some(now.instant);
        }
        let ahead = heartbeat.sent_at.duration_since(now.wall);
        let behind_since = before_facts.and_then(|instance| instance.behind_since);
        let mut instance = AgentInstance {
            epoch,
            ahead,
            heartbeat,
            behind_since: None,
        };
        if ahead.is_negative() && instance.is_off() {
            instance.behind_since = behind_since.or(Some(epoch.at));
        }
        self.instances
            .insert(instance.heartbeat.instance.clone(), instance);
        let changed = other_facts || self.presence(epoch) != before;
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

    /// Live agents that belong to the cluster.
    pub fn alive(&self, now: LivenessEpoch) -> impl Iterator<Item = &AgentInstance> {
        self.instances
            .values()
            .filter(move |instance| instance.stays(now) && !self.is_rival(&instance.heartbeat))
    }

    pub fn rival(&self, now: LivenessEpoch) -> Option<&Heartbeat> {
        let staying = self
            .instances
            .values()
            .filter(|instance| instance.stays(now));
        staying
            .map(|instance| &instance.heartbeat)
            .find(|heartbeat| self.is_rival(heartbeat))
    }

    pub fn presence(&self, now: LivenessEpoch) -> Presence {
        let mut alive = self.alive(now).peekable();
        if alive.peek().is_none() {
            // Restored at this aggregator's start, and its agents have not had time for a heartbeat yet.
            let unheard = self.last_heard.is_none()
                && now.silence(self.known_since) < stale_after(HEARTBEAT_EVERY);
            return if unheard {
                Presence::Stale
            } else {
                Presence::Offline
            };
        }
        if alive.any(|instance| now.age(instance.epoch) < stale_after(instance.heartbeat.every())) {
            return Presence::Online;
        }
        Presence::Stale
    }

    pub fn view(
        &self,
        cluster: ClusterName,
        labels: &Labels,
        (now, wall): (LivenessEpoch, Timestamp),
    ) -> ClusterView {
        let heartbeat = &self.record.heartbeat;
        let age_seconds = match self.last_heard {
            Some(instance) => now.at.saturating_duration_since(instance).as_secs(),
            None => wall
                .duration_since(self.record.last_seen)
                .as_secs()
                .try_into()
                .unwrap_or(0),
        };
        ClusterView {
            cluster,
            labels: labels.clone(),
            presence: self.presence(now),
            last_seen: self.record.last_seen,
            age_seconds,
            first_seen: self.record.first_seen,
            cluster_uid: self.record.cluster_uid.clone(),
            kubernetes_version: heartbeat.kubernetes_version.clone(),
            agent_version: heartbeat.agent_version.clone(),
            agents: self.alive(now).count(),
            verbs: heartbeat.verbs.clone(),
            allowed_verbs: allowed_verbs(heartbeat).cloned().collect(),
            counts: heartbeat.counts.clone(),
            conditions: self.conditions(now, wall),
        }
    }
}

impl AgentInstance {
    /// The part of `ahead` that may be network delay.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(self.heartbeat.round_trip_milliseconds.unwrap_or(0))
            .min(SLOWEST_HEARTBEAT)
    }

    /// Whether the heartbeat's time differs by more than its delay.
    fn is_off(&self) -> bool {
        self.ahead.unsigned_abs() > CLOCK_SKEW_SHOWN + self.delay()
    }

    /// Whether the agent's clock is off for certain. A heartbeat that waited here while this process was suspended seems to come from a slow
    /// clock, so a slow one needs heartbeats that did not arrive together.
    pub fn has_wrong_clock(&self) -> bool {
        let apart = |since: Instant| {
            self.epoch.at.saturating_duration_since(since) >= self.heartbeat.every() / 2
        };
        self.is_off() && (self.ahead.is_positive() || self.behind_since.is_some_and(apart))
    }

    pub fn is_lost(&self, now: LivenessEpoch) -> bool {
        now.silence(self.epoch) >= lost_after(self.heartbeat.every())
    }

    pub fn stays(&self, now: LivenessEpoch) -> bool {
        self.heartbeat.state == AgentState::Up && !self.is_lost(now)
    }
}

/// The parts of a heartbeat whose change must be saved at once.
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
