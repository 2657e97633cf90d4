//! Durations on which both sides must agree; those that depend on one another are defined together.

use std::time::Duration;

/// The default heartbeat interval of an agent, with a jitter of one tenth.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(5);

/// The shortest heartbeat interval that an agent accepts.
pub const FASTEST_HEARTBEAT: Duration = Duration::from_secs(1);

/// The longest heartbeat interval that an aggregator requests and that an agent accepts.
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

/// Within this time after an outage all clients are connected again: the longest delay between two connection attempts.
pub const BACK_WITHIN: Duration = Duration::from_secs(30);

/// A clock that is off by more than this is reported as a condition of the cluster or of the aggregator.
pub const CLOCK_SKEW_SHOWN: Duration = Duration::from_secs(2);

/// The deadline of a write: after this time the agent refuses to carry it out.
pub const WRITE_WITHIN: Duration = Duration::from_secs(8);

/// How much longer than [`WRITE_WITHIN`] the requester waits, so that a reply sent just before the deadline still arrives.
pub const REPLY_MARGIN: Duration = Duration::from_secs(1);

/// A followed log whose reader grants no credit for this long is ended by the agent.
pub const CREDIT_LEASE: Duration = Duration::from_secs(30);

/// The same before the first credit, which the reader sends as soon as it has received the reply.
pub const FIRST_CREDIT_WITHIN: Duration = Duration::from_secs(10);

/// How long an agent that is shutting down continues to process requests that it has accepted.
pub const DRAIN_WITHIN: Duration = Duration::from_secs(20);
