//! How often the agent sends a heartbeat. The aggregator asks for a longer interval where clusters are many; then they also reconnect more
//! slowly after a break that is not theirs alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bus_schema::timing::HEARTBEAT_EVERY;

/// The interval between heartbeats, shared by all clones.
#[derive(Debug, Clone)]
pub struct HeartbeatInterval(Arc<AtomicU64>);

impl Default for HeartbeatInterval {
    fn default() -> Self {
        let interval = Self(Arc::default());
        interval.set(HEARTBEAT_EVERY);
        interval
    }
}

impl HeartbeatInterval {
    /// How often there is a heartbeat, to the millisecond.
    pub fn every(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    pub fn set(&self, every: Duration) {
        let milliseconds = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
        self.0.store(milliseconds, Ordering::Relaxed);
    }

    /// Over how long a time all agents spread what they would do at the same moment.
    pub fn spread(&self) -> Duration {
        self.every().saturating_sub(HEARTBEAT_EVERY)
    }
}
