//! The current time on both clocks.

use std::time::Instant;

use jiff::Timestamp;

/// Now, on both clocks: ages are measured on the monotonic one, times are shown on the other.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// For ages.
    pub instant: Instant,
    /// For people.
    pub wall: Timestamp,
}

impl Moment {
    /// The current moment.
    #[must_use]
    pub fn now() -> Self {
        Self {
            instant: Instant::now(),
            wall: Timestamp::now(),
        }
    }
}
