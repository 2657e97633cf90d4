//! The changes of one cluster as one of its agents counts them, and which of them were missed.

use std::time::{Duration, Instant};

use bus_schema::{ClusterName, InstanceId};

use super::{Moment, Registry};
use limits::{Limit, Window};

/// What one cluster may tell. That is thousands of changes; with more, it misses some, and no other cluster does.
pub const CHANGES_LIMIT: Limit = Limit {
    most: 8 * 1024 * 1024,
    within: Duration::from_secs(5),
};

/// What a change takes beside its JSON.
pub const CHANGE_BYTES: usize = 256;

/// A heartbeat may be heard before the changes that were sent before it.
const LATE: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Feed {
    pub(super) followed: Option<Followed>,
    published: Window,
}

#[derive(Debug)]
pub(super) struct Followed {
    pub instance: InstanceId,
    /// The number of the last change that was heard or missed.
    seen: u64,
    /// The last one that there is, by a heartbeat's word, and since when it is waited for.
    promised: Option<(u64, Instant)>,
}

/// Changes with the numbers behind `after`, up to `last`.
#[derive(Debug, Clone, Copy)]
pub struct ChangeRange<'a> {
    /// Whose.
    pub instance: &'a InstanceId,
    /// The number before the first one.
    pub after: u64,
    /// The number of the last one.
    pub last: u64,
}

/// What is to be done with changes that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// To be shown, after so many that were lost.
    Shown {
        /// How many.
        missed: u64,
    },
    /// Those of an instance that is not followed, or known already.
    PassedOver,
    /// Counted as no agent counts.
    Miscounted,
}

impl Registry {
    /// Whether a cluster may tell so many bytes more now; of one that is not known nothing is heard.
    pub fn may_publish(&mut self, cluster: &ClusterName, bytes: usize, now: Moment) -> bool {
        let known = self.clusters.get_mut(cluster);
        known.is_some_and(|known| known.feed.published.take(bytes, CHANGES_LIMIT, now.instant))
    }

    /// Takes in the numbers of changes.
    pub fn hear_changes(&mut self, cluster: &ClusterName, range: ChangeRange<'_>) -> Verdict {
        let known = self.clusters.get_mut(cluster);
        let followed = known.and_then(|known| known.feed.followed.as_mut());
        match followed {
            Some(followed) if followed.instance == *range.instance => followed.hear(range),
            _ => Verdict::PassedOver,
        }
    }
}

impl Followed {
    /// From this number on.
    pub fn from(instance: InstanceId, seen: u64) -> Self {
        Self {
            instance,
            seen,
            promised: None,
        }
    }

    fn hear(&mut self, range: ChangeRange<'_>) -> Verdict {
        if range.last <= self.seen {
            return Verdict::PassedOver;
        }
        let Some(missed) = range.after.checked_sub(self.seen) else {
            return Verdict::Miscounted;
        };
        self.seen = range.last;
        Verdict::Shown { missed }
    }

    /// Takes the word of a heartbeat for how many changes there are; how many of them were lost, if any.
    pub fn compare(&mut self, counted: u64, now: Instant) -> Option<u64> {
        let promised = self.promised.filter(|(number, _)| *number > self.seen);
        self.promised = promised.or_else(|| (counted > self.seen).then_some((counted, now)));
        let (number, since) = self.promised?;
        if now.saturating_duration_since(since) < LATE {
            return None;
        }
        let missed = number - self.seen;
        (self.seen, self.promised) = (number, None);
        Some(missed)
    }
}

/// What was missed of a cluster's changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// So many.
    Counted(u64),
    /// Nobody knows how many: another instance is followed now.
    Unknown,
}
