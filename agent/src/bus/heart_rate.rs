//! How often the agent says that it lives. The aggregator asks for a slower pace where clusters are many; then they also come back more
//! slowly after a break that is not theirs alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bus_schema::timing::HEARTBEAT_EVERY;

/// The agent's heart rate, the same for all who hold it.
#[derive(Debug, Clone)]
pub struct HeartRate(Arc<AtomicU64>);

impl Default for HeartRate {
    fn default() -> Self {
        let rate = Self(Arc::default());
        rate.set(HEARTBEAT_EVERY);
        rate
    }
}

impl HeartRate {
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
