//! The conditions of a cluster: those that its agents report, and those that the aggregator observes.

use std::collections::BTreeMap;

use bus_schema::{Condition, ConditionType};
use jiff::Timestamp;

use super::bus_liveness::LivenessEpoch;
use super::cluster_entry::ClusterEntry;

impl ClusterEntry {
    pub(super) fn conditions(&self, now: LivenessEpoch, wall: Timestamp) -> Vec<Condition> {
        let mut conditions = self.reported(now);
        let violation = self.violation.as_ref();
        conditions.extend(violation.and_then(|it| it.condition(now.at)));
        conditions.extend(self.clock_skew(now, wall));
        conditions.extend(self.identity_conflict(now, wall));
        conditions
    }

    /// The conditions that live agents report, each type once; without live agents, the last reported ones.
    fn reported(&self, now: LivenessEpoch) -> Vec<Condition> {
        let mut reported = BTreeMap::new();
        for instance in self.alive(now) {
            for condition in &instance.heartbeat.conditions {
                reported
                    .entry(condition.kind)
                    .or_insert_with(|| condition.clone());
            }
        }
        if self.alive(now).next().is_none() {
            return self.record.heartbeat.conditions.clone();
        }
        reported.into_values().collect()
    }

    fn clock_skew(&self, now: LivenessEpoch, wall: Timestamp) -> Option<Condition> {
        let skews = self
            .alive(now)
            .filter(|instance| instance.has_wrong_clock())
            .map(|instance| instance.ahead);
        let skew = skews.max_by_key(|skew| skew.abs())?;
        let off = skew.unsigned_abs();
        let way = if skew.is_positive() {
            "ahead"
        } else {
            "behind"
        };
        Some(Condition {
            kind: ConditionType::ClockSkew,
            message: format!(
                "the agent's clock is {} s {way}; set it by NTP",
                off.as_secs()
            ),
            since: wall,
        })
    }

    fn identity_conflict(&self, now: LivenessEpoch, wall: Timestamp) -> Option<Condition> {
        let claimed = self.rival(now)?.cluster_uid.as_deref();
        let claimed = claimed.unwrap_or("unknown");
        Some(Condition {
            kind: ConditionType::IdentityConflict,
            message: format!(
                "another Kubernetes cluster (uid {claimed}) uses this name too; stop its agent or give it another name, or, if it \
                 replaces the old cluster, remove that with DELETE /clusters and enroll the new one"
            ),
            since: wall,
        })
    }
}
