//! Durations on which both sides must agree; those that depend on one another stand side by side.

use std::time::Duration;

/// How often an agent says that it lives while nobody asks it for another pace, spread by jitter of a tenth.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(5);

/// The fastest pace that an agent takes up.
pub const FASTEST_HEARTBEAT: Duration = Duration::from_secs(1);

/// The slowest pace that an aggregator asks for, and that an agent takes up.
pub const SLOWEST_HEARTBEAT: Duration = Duration::from_mins(1);

/// Silence after which a cluster is shown as offline: three heartbeats.
#[must_use]
pub const fn lost_after(every: Duration) -> Duration {
    every.saturating_mul(3)
}

/// Silence after which a cluster is shown as stale and gets no more writes: one and a half heartbeats.
#[must_use]
pub const fn stale_after(every: Duration) -> Duration {
    lost_after(every).checked_div(2).expect("two is not zero")
}

/// Within this time after a break everybody is back on the bus: the longest pause between two attempts.
pub const BACK_WITHIN: Duration = Duration::from_secs(30);

/// A clock that is further off than this is shown as a condition, of the cluster or of the aggregator.
pub const CLOCK_SKEW_SHOWN: Duration = Duration::from_secs(2);

/// How long a write may be carried out after it was ordered: the agent refuses it afterwards.
pub const WRITE_WITHIN: Duration = Duration::from_secs(8);

/// How much longer than [`WRITE_WITHIN`] the asker waits, so that an answer given just in time still arrives.
pub const REPLY_MARGIN: Duration = Duration::from_secs(1);

/// A followed log whose reader grants no credit for this long is ended by the agent.
pub const CREDIT_LEASE: Duration = Duration::from_secs(30);

/// The same before its first credit, which the reader sends as soon as it has heard of the log.
pub const FIRST_CREDIT_WITHIN: Duration = Duration::from_secs(10);

/// How long an agent that was told to stop goes on answering what it has begun.
pub const DRAIN_WITHIN: Duration = Duration::from_secs(20);
