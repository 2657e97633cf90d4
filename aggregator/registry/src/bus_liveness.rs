//! Whether missing heartbeats mean anything. While this aggregator is partitioned from the bus, it receives no heartbeats, and no
//! cluster counts as lost: that time, and the time that agents may take to reconnect afterwards, does not count as silence.

use std::time::{Duration, Instant};

use bus_schema::timing::BACK_WITHIN;

/// How long this aggregator has been partitioned from the bus.
#[derive(Debug, Default)]
pub(super) struct BusLiveness {
    /// The duration of earlier partitions.
    before: Duration,
    last: Option<Break>,
}

#[derive(Debug)]
struct Break {
    from: Instant,
    /// When agents began to reconnect.
    until: Option<Instant>,
}

/// A moment, and the time spent partitioned before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct LivenessEpoch {
    pub at: Instant,
    partitioned: Duration,
}

impl BusLiveness {
    pub fn epoch(&self, at: Instant) -> LivenessEpoch {
        let partitioned = self.before
            + self
                .last
                .as_ref()
                .map_or(Duration::ZERO, |gap| gap.length(at));
        LivenessEpoch { at, partitioned }
    }

    pub fn is_connected(&self) -> bool {
        self.last.as_ref().is_none_or(|gap| gap.until.is_some())
    }

    pub fn partitioned_since(&mut self, since: Instant) {
        if !self.is_connected() {
            return;
        }
        self.before = self.epoch(since).partitioned;
        self.last = Some(Break {
            from: since,
            until: None,
        });
    }

    pub fn reconnected(&mut self, now: Instant) {
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

impl LivenessEpoch {
    /// The time since a heartbeat.
    pub fn age(self, heard: Self) -> Duration {
        self.at.saturating_duration_since(heard.at)
    }

    /// The part of that time in which another heartbeat could have been received.
    pub fn silence(self, heard: Self) -> Duration {
        self.age(heard)
            .saturating_sub(self.partitioned.saturating_sub(heard.partitioned))
    }
}
