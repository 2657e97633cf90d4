//! The heartbeat interval. The aggregator requests a longer one if there are many clusters; then agents also spread their reconnects
//! over a longer time after an outage that affects all of them.

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
    /// The heartbeat interval, in whole milliseconds.
    pub fn every(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    pub fn set(&self, every: Duration) {
        let milliseconds = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
        self.0.store(milliseconds, Ordering::Relaxed);
    }

    /// The time over which all agents spread what they would otherwise do at the same moment.
    pub fn spread(&self) -> Duration {
        self.every().saturating_sub(HEARTBEAT_EVERY)
    }
}
