//! When the record of a cluster is saved: at once when it changes, but with a limit against hostile agents.

use std::time::{Duration, Instant};

use limits::{Limit, Window};

/// How often an unchanged record is saved again, for its `last_seen`.
const EVERY: Duration = Duration::from_secs(60);

/// A cluster whose two agents restart causes fewer changes.
const CHANGES: Limit = Limit {
    most: 4,
    within: Duration::from_secs(1),
};

#[derive(Debug, Default)]
pub(super) struct Saving {
    last: Option<Instant>,
    /// The record has changed since it was saved.
    is_behind: bool,
    changes: Window,
}

impl Saving {
    /// The state after the record was saved.
    pub fn done(now: Instant) -> Self {
        Self {
            last: Some(now),
            ..Self::default()
        }
    }

    /// Whether to save the record now. If so, the caller must do it.
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
