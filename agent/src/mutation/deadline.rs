//! The deadline of a mutation.

use std::time::Duration;

use bus_schema::{Fault, FaultCode};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::agent::Cx;
use crate::kubernetes::CallError;

/// The time until which a mutation may be carried out.
#[derive(Debug)]
pub struct Deadline {
    /// No call to the API server reaches past this.
    pub until: Instant,
    /// Whether the mutation's deadline is earlier than the general request timeout.
    is_own: bool,
}

impl Deadline {
    /// From a time by the bus's clock.
    ///
    /// # Errors
    /// If it has passed.
    pub fn of(time: Option<Timestamp>, cx: &Cx) -> Result<Self, Fault> {
        let left = time.map(|time| left(time, cx.agent.now())).transpose()?;
        let until = left.map_or(cx.until, |left| cx.until.min(Instant::now() + left));
        Ok(Self {
            until,
            is_own: until < cx.until,
        })
    }

    /// The fault for a failed read: nothing was done.
    pub fn not_begun(&self, error: CallError) -> Fault {
        match error {
            CallError::TimedOut if self.is_own => expired("the API server was too slow"),
            error => error.into(),
        }
    }

    /// A fault once the deadline has passed, so that no call is sent that could only time out.
    pub fn still_open(&self) -> Result<(), Fault> {
        if Instant::now() < self.until {
            return Ok(());
        }
        Err(expired("the deadline has passed"))
    }
}

fn left(deadline: Timestamp, now: Timestamp) -> Result<Duration, Fault> {
    match Duration::try_from(deadline.duration_since(now)) {
        Ok(left) if !left.is_zero() => Ok(left),
        _ => Err(expired(&format!(
            "it is {now}, and the deadline was {deadline}"
        ))),
    }
}

fn expired(why: &str) -> Fault {
    Fault::new(FaultCode::Expired, format!("nothing was done: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_has_come_has_passed() {
        let at = |text: &str| -> Timestamp { text.parse().expect("a time") };
        let deadline = at("2026-03-01T10:00:00Z");
        assert_eq!(
            left(deadline, at("2026-03-01T09:59:59Z")).unwrap(),
            Duration::from_secs(1)
        );
        for late in ["2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"] {
            assert_eq!(
                left(deadline, at(late)).unwrap_err().code,
                FaultCode::Expired
            );
        }
    }
}
