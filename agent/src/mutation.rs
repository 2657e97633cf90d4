//! Mutations: the one loop that carries out every change of a workload. It reads the object, decides, and patches it with the read
//! version as precondition; conflicts and lost responses are retried with backoff within the deadline. The operation's id is the
//! idempotency key: it is recorded in the object by the same patch, so it also survives restarts of the agent.

mod change_cause;
mod deadline;
mod fence;
mod object;
mod recorded;
mod seen;

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bus_schema::{Fault, FaultCode, Mutation, Verb};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::agent::Cx;
use crate::kubernetes::{CallError, WorkloadObject};
use crate::rollout_limit::Admitted;

pub use change_cause::{CHANGE_CAUSE, operation_of};
use deadline::Deadline;
use object::Object;
pub use recorded::last_operation;
use recorded::{Recorded, Standing};
pub use seen::Seen;

/// The number of lost responses to a mutation's patches after which it gives up.
const LOST_ANSWERS: usize = 3;

/// The part of a mutation that is specific to its verb.
pub trait Change: Mutation {
    /// Whether its patch depends on the present and the earlier pod templates.
    const NEEDS_HISTORY: bool = false;

    /// The strategic merge patch that makes the change.
    ///
    /// # Errors
    /// If the object in its current state must not be changed like this.
    fn patch(&self, seen: &Seen, now: Timestamp) -> Result<Value, Fault>;

    /// Whether the patch changes the pod template, so that a revision begins.
    fn begins_revision(&self, _seen: &Seen) -> bool {
        false
    }

    /// The reply, once the change has been made: all that can be said to a duplicate.
    fn reply(&self, after: &WorkloadObject) -> Self::Reply;

    /// The reply of the delivery that has made the change.
    fn first_reply(&self, _seen: &Seen, after: &WorkloadObject) -> Self::Reply {
        self.reply(after)
    }
}

/// Carries a mutation out exactly once, however often it is delivered.
///
/// # Errors
/// The reason for a refusal; [`FaultCode::OutcomeUnknown`] if the API server's response was lost.
pub async fn carry_out<M: Change>(cx: Cx, mutation: M) -> Result<M::Reply, Fault> {
    let guard = mutation.guard();
    if let Some(meant) = &guard.cluster_uid {
        cx.agent.is_cluster(meant)?;
    }
    Verb::of::<M>()
        .applies_to(mutation.target().kind)
        .map_err(|why| Fault::in_field("kind", why))?;
    if guard.fence {
        return fence::fence(&cx, &mutation).await;
    }
    cx.agent.allows(M::VERB)?;
    let deadline = Deadline::of(guard.deadline, &cx)?;
    let object = Object::new(&cx, mutation.target(), deadline.until);
    let mut attempts = Attempts::new(deadline.until);
    loop {
        let seen = match object.read_for::<M>().await {
            Ok(seen) => seen,
            Err(error) => return Err(attempts.failed(deadline.not_begun(error))),
        };
        attempts.saw(&seen);
        if let Err(expired) = deadline.still_open() {
            return Err(attempts.failed(expired));
        }
        let now = cx.agent.now();
        let recorded = Recorded::of(&seen.metadata);
        if let Some(id) = &guard.operation_id {
            match recorded.standing(id, now) {
                Standing::New => {}
                Standing::Done => return Ok(mutation.reply(&seen)),
                Standing::Closed => return Err(recorded::closed(id)),
                Standing::Superseded(by) => return Err(recorded::superseded(&by)),
            }
        }
        let mut patch = mutation
            .patch(&seen, now)
            .map_err(|fault| attempts.failed(fault))?;
        if let Some(id) = &guard.operation_id {
            recorded.add_done(id, &mut patch);
        }
        let mut rollout = None;
        if mutation.begins_revision(&seen) {
            change_cause::add(M::VERB, guard, &mut patch);
            let admitted = cx
                .agent
                .rollout_limit
                .admit(mutation.target(), &cx.agent.caches);
            rollout = Some(admitted.map_err(|fault| attempts.failed(fault))?);
        }
        match object.patch(&seen, patch).await {
            Ok(after) => {
                rollout.into_iter().for_each(Admitted::keep);
                return Ok(mutation.first_reply(&seen, &after));
            }
            Err(error) => {
                let is_idempotent = guard.operation_id.is_some();
                attempts.retry(&seen, error, is_idempotent).await?;
            }
        }
    }
}

/// The patches so far, and whether one of them may still be carried out.
struct Attempts {
    until: Instant,
    backoff: backon::ExponentialBackoff,
    made: usize,
    lost_answers: usize,
    /// The version of the object for which a patch got no response, and why.
    in_doubt: Option<(Option<String>, String)>,
}

impl Attempts {
    fn new(until: Instant) -> Self {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(5))
            .with_max_delay(Duration::from_millis(100))
            .without_max_times()
            .with_jitter();
        Self {
            until,
            backoff: backoff.build(),
            made: 0,
            lost_answers: 0,
            in_doubt: None,
        }
    }

    /// The API server rejects a patch for an older version, so its outcome is certain.
    fn saw(&mut self, seen: &WorkloadObject) {
        let version = &seen.metadata.resource_version;
        self.in_doubt.take_if(|(of, _)| of != version);
    }

    /// The final fault; while an outcome is unknown it must not say that nothing was done.
    fn failed(&self, fault: Fault) -> Fault {
        match &self.in_doubt {
            Some((_, cause)) => outcome_unknown(cause),
            None => fault,
        }
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// If there must not be another attempt.
    async fn retry(
        &mut self,
        seen: &WorkloadObject,
        error: CallError,
        is_idempotent: bool,
    ) -> Result<(), Fault> {
        self.made += 1;
        if error.leaves_doubt() {
            self.lost_answers += 1;
            let cause = Fault::from(error).message;
            if !is_idempotent || self.lost_answers == LOST_ANSWERS {
                return Err(outcome_unknown(&cause));
            }
            self.in_doubt = Some((seen.metadata.resource_version.clone(), cause));
        } else if error.code() != Some(409) {
            return Err(self.failed(error.into()));
        }
        let pause = self.backoff.next().unwrap_or_default();
        if Instant::now() + pause < self.until {
            sleep(pause).await;
            return Ok(());
        }
        let made = self.made;
        let message = format!(
            "others changed the object at the same time, at each of {made} attempts; nothing was done"
        );
        Err(self.failed(Fault::new(FaultCode::Conflict, message)))
    }
}

fn outcome_unknown(cause: &str) -> Fault {
    let message = format!("it may or may not have been written: {cause}");
    Fault::new(FaultCode::OutcomeUnknown, message)
}
