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
    /// When this process last looked at the clock of its own accord, which it does every second.
    ticked: Option<Instant>,
}

/// A process that has not looked at the clock for longer was suspended, as by SIGSTOP or a machine that sleeps: what has arrived meanwhile is
/// still unread.
const SUSPENDED: Duration = Duration::from_secs(5);

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
        let partitioned = self.partitioned(at) + self.suspended(at);
        LivenessEpoch { at, partitioned }
    }

    /// Must be called every second.
    pub fn tick(&mut self, now: Instant) {
        if let Some(last) = self.ticked.replace(now)
            && now.saturating_duration_since(last) > SUSPENDED
        {
            self.partitioned_since(last);
            self.reconnected(now);
        }
    }

    /// Whether agents have had time to reconnect after the last partition.
    pub fn is_settled(&self, now: Instant) -> bool {
        let settled = |until: Instant| until + BACK_WITHIN <= now;
        self.suspended(now).is_zero()
            && self
                .last
                .as_ref()
                .is_none_or(|gap| gap.until.is_some_and(settled))
    }

    /// The time of a suspension that was not noticed by a tick yet.
    fn suspended(&self, at: Instant) -> Duration {
        let idle = self
            .ticked
            .map_or(Duration::ZERO, |last| at.saturating_duration_since(last));
        match self.is_connected() && idle > SUSPENDED {
            true => idle,
            false => Duration::ZERO,
        }
    }

    fn partitioned(&self, at: Instant) -> Duration {
        self.before
            + self
                .last
                .as_ref()
                .map_or(Duration::ZERO, |gap| gap.length(at))
    }

    pub fn is_connected(&self) -> bool {
        self.last.as_ref().is_none_or(|gap| gap.until.is_some())
    }

    pub fn partitioned_since(&mut self, since: Instant) {
        if !self.is_connected() {
            return;
        }
        self.before = self.partitioned(since);
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
