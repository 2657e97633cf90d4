//! Whether a write may still be carried out, and what its failure means: a write after its deadline, or for another
//! cluster of the same name, does nothing.

use std::time::Duration;

use bus_schema::{Fault, FaultCode, Guard};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::agent::Cx;
use crate::kubernetes::CallError;

/// A write that may be carried out until a moment.
#[derive(Debug)]
pub struct Order {
    /// No call to the API server may reach past this.
    pub until: Instant,
    has_deadline: bool,
}

impl Order {
    /// Accepts or refuses a write.
    pub fn check(cx: &Cx, guard: &Guard) -> Result<Self, Fault> {
        let left = guard
            .deadline
            .map(|deadline| left(deadline, cx.agent.now()))
            .transpose()?;
        if let Some(meant) = &guard.cluster_uid {
            is_meant(meant, cx)?;
        }
        let until = left.map_or(cx.until, |left| cx.until.min(Instant::now() + left));
        Ok(Self {
            until,
            has_deadline: left.is_some_and(|_| until < cx.until),
        })
    }

    /// What the failure of the writing call means. While there is doubt the answer must not say that nothing was done;
    /// time that ran out before it was sent says just that.
    pub fn failed(&self, error: CallError) -> Fault {
        if !error.leaves_doubt() {
            return error.into();
        }
        let cause = Fault::from(error).message;
        let message = format!("it may or may not have been written: {cause}");
        Fault::new(FaultCode::OutcomeUnknown, message)
    }

    /// What the failure of a reading call before it means: nothing was done.
    pub fn not_begun(&self, error: CallError) -> Fault {
        match error {
            CallError::TimedOut if self.has_deadline => expired("the API server was too slow"),
            error => error.into(),
        }
    }

    /// A fault once the time is over, so that nothing is sent that could only be cut off.
    pub fn still_open(&self) -> Result<(), Fault> {
        if Instant::now() < self.until {
            return Ok(());
        }
        Err(expired("the time for it ran out"))
    }
}

fn left(deadline: Timestamp, now: Timestamp) -> Result<Duration, Fault> {
    match Duration::try_from(deadline.duration_since(now)) {
        Ok(left) if !left.is_zero() => Ok(left),
        _ => Err(expired(&format!(
            "it is {now}, and it was to be done by {deadline}"
        ))),
    }
}

fn expired(why: &str) -> Fault {
    Fault::new(FaultCode::Expired, format!("nothing was done: {why}"))
}

/// Whether this is the cluster with that uid.
pub fn is_meant(meant: &str, cx: &Cx) -> Result<(), Fault> {
    same(meant, cx.agent.caches.cluster_uid().as_deref())
}

fn same(meant: &str, own: Option<&str>) -> Result<(), Fault> {
    match own {
        Some(own) if own == meant => Ok(()),
        Some(own) => Err(Fault::new(
            FaultCode::IdentityConflict,
            format!("this is the cluster {own}, and {meant} was meant; nothing was done"),
        )),
        None => Err(Fault::new(
            FaultCode::NotReady,
            "this cluster's uid has not been read yet; nothing was done",
        )),
    }
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

    #[test]
    fn only_the_cluster_that_is_meant_may_write() {
        assert!(same("a", Some("a")).is_ok());
        let code = |own| same("a", own).unwrap_err().code;
        assert_eq!(code(Some("b")), FaultCode::IdentityConflict);
        assert_eq!(code(None), FaultCode::NotReady);
    }
}
