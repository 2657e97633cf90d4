//! When the record of a cluster is to be kept: at once when it changes, but not as often as a hostile agent would like.

use std::time::{Duration, Instant};

/// How often the record of a cluster of which nothing changes is kept anew, for its `last_seen`.
const EVERY: Duration = Duration::from_secs(60);

/// In each second. A cluster with two agents comes and goes with fewer.
const CHANGES_A_SECOND: u32 = 4;

#[derive(Debug, Default)]
pub(super) struct Saving {
    last: Option<Instant>,
    /// What is known now is not what was kept.
    is_behind: bool,
    second_began: Option<Instant>,
    in_this_second: u32,
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
        if passed(self.second_began, Duration::from_secs(1), now) {
            (self.second_began, self.in_this_second) = (Some(now), 0);
        }
        let may = self.in_this_second < CHANGES_A_SECOND;
        let due = (self.is_behind && may) || passed(self.last, EVERY, now);
        if due {
            (self.last, self.is_behind) = (Some(now), false);
            self.in_this_second += 1;
        }
        due
    }
}

fn passed(since: Option<Instant>, time: Duration, now: Instant) -> bool {
    since.is_none_or(|at| now.saturating_duration_since(at) >= time)
}
