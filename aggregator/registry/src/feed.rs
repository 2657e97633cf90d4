//! The changes of one cluster, as numbered by one of its agents, and the detection of missed ones.

use std::time::{Duration, Instant};

use bus_schema::{ClusterName, InstanceId};

use super::Registry;
use super::moment::Moment;
use limits::{Limit, Window};

/// How many bytes of changes one cluster may publish, which is thousands of changes. Beyond that some of its own changes are dropped, and
/// none of other clusters.
pub const CHANGES_LIMIT: Limit = Limit {
    most: 8 * 1024 * 1024,
    within: Duration::from_secs(5),
};

/// Memory that a change takes in addition to its JSON.
pub const CHANGE_BYTES: usize = 256;

/// A heartbeat may arrive before changes that were sent earlier.
const LATE: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Feed {
    pub(super) followed: Option<Followed>,
    published: Window,
}

#[derive(Debug)]
pub(super) struct Followed {
    pub instance: InstanceId,
    /// The number of the last change that was received or missed.
    seen: u64,
    /// The last change according to a heartbeat, and since when it is awaited.
    promised: Option<(u64, Instant)>,
}

/// The changes with numbers after `after`, up to `last`.
#[derive(Debug, Clone, Copy)]
pub struct ChangeRange<'a> {
    /// The agent that reports them.
    pub instance: &'a InstanceId,
    /// The number before the first one.
    pub after: u64,
    /// The number of the last one.
    pub last: u64,
}

/// What to do with received changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Publish them, after a gap of `missed` changes.
    Publish {
        /// Number of lost changes before them.
        missed: u64,
    },
    /// Ignore them: they come from an instance that is not followed, or are known already.
    Ignore,
    /// Their numbers overlap with earlier ones, which no correct agent sends.
    Miscounted,
}

impl Registry {
    /// Whether a cluster may publish this many more bytes now; never for an unknown cluster.
    pub fn may_publish(&mut self, cluster: &ClusterName, bytes: usize, now: Moment) -> bool {
        let entry = self.clusters.get_mut(cluster);
        entry.is_some_and(|entry| entry.feed.published.take(bytes, CHANGES_LIMIT, now.instant))
    }

    /// Records the numbers of received changes.
    pub fn record_changes(&mut self, cluster: &ClusterName, range: ChangeRange<'_>) -> Verdict {
        let entry = self.clusters.get_mut(cluster);
        let followed = entry.and_then(|entry| entry.feed.followed.as_mut());
        match followed {
            Some(followed) if followed.instance == *range.instance => followed.record(range),
            _ => Verdict::Ignore,
        }
    }
}

impl Followed {
    /// Follows this instance from this number on.
    pub fn from(instance: InstanceId, seen: u64) -> Self {
        Self {
            instance,
            seen,
            promised: None,
        }
    }

    fn record(&mut self, range: ChangeRange<'_>) -> Verdict {
        if range.last <= self.seen {
            return Verdict::Ignore;
        }
        let Some(missed) = range.after.checked_sub(self.seen) else {
            return Verdict::Miscounted;
        };
        self.seen = range.last;
        Verdict::Publish { missed }
    }

    /// Compares with the number of changes in a heartbeat; returns how many were lost, if any.
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

/// Missed changes of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// This many.
    Counted(u64),
    /// An unknown number: another instance is followed now.
    Unknown,
}
