//! Protocol violations of agents: shown for a while, and logged once.

use std::time::{Duration, Instant};

use bus_schema::{ClusterName, Condition, ConditionType};
use jiff::Timestamp;

use super::Registry;
use super::moment::Moment;

/// How long a violation is shown after it last happened.
const SHOWN_FOR: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct ProtocolViolation {
    what: String,
    since: Timestamp,
    times: u64,
    shown_until: Instant,
}

impl ProtocolViolation {
    fn is_over(&self, now: Instant) -> bool {
        now >= self.shown_until
    }

    /// The condition to show, until its time is over.
    pub fn condition(&self, now: Instant) -> Option<Condition> {
        let Self {
            what, since, times, ..
        } = self;
        (!self.is_over(now)).then(|| Condition {
            kind: ConditionType::Misbehaving,
            message: format!(
                "an agent of this cluster {what} ({times} times); check its log and version"
            ),
            since: *since,
        })
    }
}

impl Registry {
    /// Records that an agent of this cluster `what`, such as "answered with no reply". Returns whether that is new, to log it once.
    pub fn protocol_violation(&mut self, cluster: &ClusterName, what: &str, now: Moment) -> bool {
        self.protocol_violation_for(Duration::ZERO, cluster, what, now)
    }

    /// The same for a violation with a lasting `effect`: the condition is shown for that long.
    pub fn protocol_violation_for(
        &mut self,
        effect: Duration,
        cluster: &ClusterName,
        what: &str,
        now: Moment,
    ) -> bool {
        let slot = match self.clusters.get_mut(cluster) {
            Some(entry) => &mut entry.violation,
            // No valid heartbeat yet. All of these clusters share one slot, so that made-up names cannot fill the memory.
            None => &mut self.violation_of_unknown,
        };
        note(slot, what, effect, now)
    }
}

/// Records that an agent did `what`; returns whether that is new.
pub(super) fn note(
    slot: &mut Option<ProtocolViolation>,
    what: &str,
    effect: Duration,
    now: Moment,
) -> bool {
    let shown_until = now.instant + effect.max(SHOWN_FOR);
    match slot {
        Some(it) if !it.is_over(now.instant) => {
            let is_new = it.what != what;
            what.clone_into(&mut it.what);
            it.times += 1;
            it.shown_until = it.shown_until.max(shown_until);
            is_new
        }
        _ => {
            *slot = Some(ProtocolViolation {
                what: what.to_owned(),
                since: now.wall,
                times: 1,
                shown_until,
            });
            true
        }
    }
}
