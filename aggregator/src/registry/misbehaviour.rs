//! What the agents of a cluster have sent that they should not.

use std::time::{Duration, Instant};

use bus_schema::{ClusterName, Condition, ConditionType};
use jiff::Timestamp;

use super::{Moment, Registry};

/// How long it is shown.
const SHOWN: Duration = Duration::from_secs(600);

#[derive(Debug)]
pub(super) struct Misbehaviour {
    what: &'static str,
    times: u64,
    since: Timestamp,
    last: Instant,
}

impl Registry {
    /// Takes note of it; it is shown as a condition of the cluster.
    pub fn misbehaves(&mut self, cluster: &ClusterName, what: &'static str, now: Moment) {
        let Some(known) = self.clusters.get_mut(cluster) else {
            return;
        };
        let before = known.misbehaviour.take().filter(|m| m.is_recent(now));
        known.misbehaviour = Some(Misbehaviour {
            what,
            times: before.as_ref().map_or(0, |m| m.times) + 1,
            since: before.map_or(now.wall, |m| m.since),
            last: now.instant,
        });
    }
}

impl Misbehaviour {
    fn is_recent(&self, now: Moment) -> bool {
        now.instant.saturating_duration_since(self.last) < SHOWN
    }

    /// As it is shown, as long as it is.
    pub fn condition(&self, now: Moment) -> Option<Condition> {
        let Self { what, times, .. } = self;
        self.is_recent(now).then(|| Condition {
            kind: ConditionType::Misbehaving,
            message: format!("{what}; {times} times"),
            since: self.since,
        })
    }
}
