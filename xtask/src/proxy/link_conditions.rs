//! How bad a line is. What a network loses, TCP sends again: the two ends see that as a stall of everything behind it.

use std::time::Duration;

use tokio::time::Instant;

/// How long a loss holds up what comes behind it: about the time after which TCP sends again on a line of two seconds.
const STALL: Duration = Duration::from_secs(1);

/// A line; the default is one that is not noticed.
#[derive(Clone, Copy, Debug)]
pub struct LinkConditions {
    /// From one end to the other.
    pub latency: Duration,
    /// What it carries each way.
    pub bytes_per_second: u32,
    /// The probability that a piece of what is sent is lost at first.
    pub stalls: f64,
}

impl Default for LinkConditions {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            bytes_per_second: u32::MAX,
            stalls: 0.0,
        }
    }
}

impl LinkConditions {
    /// When so many bytes arrive that are sent now, behind others that arrive at `before`.
    pub(super) fn arrival(&self, bytes: usize, before: Instant) -> Instant {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let sending = Duration::from_secs(1) * bytes / self.bytes_per_second;
        let stall = if rand::random_bool(self.stalls) {
            STALL
        } else {
            Duration::ZERO
        };
        before.max(Instant::now() + self.latency) + sending + stall
    }
}
