//! Whether silence means anything. While we are cut off from the bus ourselves, all clusters are silent and none of them is lost: that
//! time, and the time that agents may take to come back after it, does not count.

use std::time::{Duration, Instant};

use bus_schema::timing::BACK_WITHIN;

/// How long nobody could be heard.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    /// In earlier breaks.
    before: Duration,
    last: Option<Break>,
}

#[derive(Debug)]
struct Break {
    from: Instant,
    /// When agents began to come back.
    until: Option<Instant>,
}

/// A moment, and for how long nobody could be heard before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub at: Instant,
    deaf: Duration,
}

impl Hearing {
    pub fn mark(&self, at: Instant) -> Mark {
        let deaf = self.before
            + self
                .last
                .as_ref()
                .map_or(Duration::ZERO, |gap| gap.length(at));
        Mark { at, deaf }
    }

    pub fn hears(&self) -> bool {
        self.last.as_ref().is_none_or(|gap| gap.until.is_some())
    }

    pub fn deaf_since(&mut self, since: Instant) {
        if !self.hears() {
            return;
        }
        self.before = self.mark(since).deaf;
        self.last = Some(Break {
            from: since,
            until: None,
        });
    }

    pub fn hears_again(&mut self, now: Instant) {
        if let Some(gap) = &mut self.last {
            gap.until.get_or_insert(now);
        }
    }
}

impl Break {
    fn length(&self, now: Instant) -> Duration {
        let end = self
            .until
            .map_or(now, |until| (until + BACK_WITHIN).min(now));
        end.saturating_duration_since(self.from)
    }
}

impl Mark {
    /// How long ago something was heard.
    pub fn age(self, heard: Self) -> Duration {
        self.at.saturating_duration_since(heard.at)
    }

    /// For how long of that it would have been heard again.
    pub fn silence(self, heard: Self) -> Duration {
        self.age(heard)
            .saturating_sub(self.deaf.saturating_sub(heard.deaf))
    }
}
