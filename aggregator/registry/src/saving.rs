//! When the record of a cluster is to be kept: at once when it changes, but not as often as a hostile agent would like.

use std::time::{Duration, Instant};

use limits::{Limit, Window};

/// How often the record of a cluster of which nothing changes is kept anew, for its `last_seen`.
const EVERY: Duration = Duration::from_secs(60);

/// A cluster with two agents comes and goes with fewer changes.
const CHANGES: Limit = Limit {
    most: 4,
    within: Duration::from_secs(1),
};

#[derive(Debug, Default)]
pub(super) struct Saving {
    last: Option<Instant>,
    /// What is known now is not what was kept.
    is_behind: bool,
    changes: Window,
}

impl Saving {
    /// It is kept as it is.
    pub fn done(now: Instant) -> Self {
        Self {
            last: Some(now),
            ..Self::default()
        }
    }

    /// Whether it is to be kept now; counts on it that this is done then.
    pub fn is_due(&mut self, changed: bool, now: Instant) -> bool {
        self.is_behind |= changed;
        let changed = self.is_behind && self.changes.take(1, CHANGES, now);
        let due = changed || passed(self.last, EVERY, now);
        if due {
            (self.last, self.is_behind) = (Some(now), false);
        }
        due
    }
}

fn passed(since: Option<Instant>, time: Duration, now: Instant) -> bool {
    since.is_none_or(|at| now.saturating_duration_since(at) >= time)
}
