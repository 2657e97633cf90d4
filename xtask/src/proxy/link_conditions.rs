//! Link conditions. TCP retransmits lost packets: both ends see a loss as a stall of everything after it.

use std::time::Duration;

use tokio::time::Instant;

/// How long a loss delays everything after it: about the retransmission timeout of TCP on a link with two seconds of latency.
const STALL: Duration = Duration::from_secs(1);

/// The conditions of a link; the default has no effect.
#[derive(Clone, Copy, Debug)]
pub struct LinkConditions {
    /// The one-way latency.
    pub latency: Duration,
    /// The bandwidth in each direction.
    pub bytes_per_second: u32,
    /// The probability that a chunk is lost and retransmitted.
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
    /// The arrival time of this many bytes that are sent now, after others that arrive at `before`.
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
