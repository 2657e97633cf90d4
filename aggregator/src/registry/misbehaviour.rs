//! What agents send that they should not: shown for a while, and told once.

use std::time::{Duration, Instant};

use bus_schema::{ClusterName, Condition, ConditionType};
use jiff::Timestamp;

use super::known::Known;
use super::{Moment, Registry};

/// After the last time.
const SHOWN_FOR: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Misbehaviour {
    what: String,
    since: Timestamp,
    times: u64,
    last: Instant,
}

impl Misbehaviour {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= SHOWN_FOR
    }
}

impl Registry {
    /// Remembers that an agent of this cluster `what`, such as "answered with no reply"; whether that is news, to be told once.
    pub fn misbehaves(&mut self, cluster: &ClusterName, what: &str, now: Moment) -> bool {
        let slot = match self.clusters.get_mut(cluster) {
            Some(known) => &mut known.misbehaviour,
            // Never heard properly. All of these share one place: nobody can fill the memory with names.
            None => &mut self.misbehaving_stranger,
        };
        note(slot, what, now)
    }
}

impl Known {
    pub(super) fn misbehave(&mut self, what: &str, now: Moment) {
        note(&mut self.misbehaviour, what, now);
    }

    pub(super) fn misbehaving(&self, now: Instant) -> Option<Condition> {
        let Misbehaviour {
            what, since, times, ..
        } = self.misbehaviour.as_ref().filter(|it| !it.is_over(now))?;
        Some(Condition {
            kind: ConditionType::Misbehaving,
            message: format!(
                "an agent of this cluster {what} ({times} times); look at its log and version"
            ),
            since: *since,
        })
    }
}

fn note(slot: &mut Option<Misbehaviour>, what: &str, now: Moment) -> bool {
    match slot {
        Some(it) if !it.is_over(now.instant) => {
            let news = it.what != what;
            what.clone_into(&mut it.what);
            it.times += 1;
            it.last = now.instant;
            news
        }
        _ => {
            *slot = Some(Misbehaviour {
                what: what.to_owned(),
                since: now.wall,
                times: 1,
                last: now.instant,
            });
            true
        }
    }
}
