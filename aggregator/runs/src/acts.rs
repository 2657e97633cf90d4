//! What people do with a run after its creation. Each act is audited, and changes what is wanted of the run; the runner does the rest.

use std::sync::Arc;

use bus_schema::OperationId;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Runs;
use crate::create::summary;
use crate::record::{Approval, Run, RunId};
use crate::spec::{LONGEST, wrong};
use crate::state::{Desired, RunState, TargetState};
use crate::store::{unavailable, unknown};
use audit::{Entry, RequestSource};
use diagnostics::{Problem, ProblemCode};
use identity::Principal;

/// An act on a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Start nothing more until it is resumed.
    Pause,
    /// Go on. Failures so far are accepted.
    Resume,
    /// Start nothing more. Nothing that was started is undone.
    Abort,
    /// Approve the stage that waits for it.
    Approve,
    /// Begin targets in these states again.
    Retry(RetryStates),
}

/// The states of targets that are begun again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct RetryStates(Vec<TargetState>);

impl Default for RetryStates {
    /// What has failed, or may have.
    fn default() -> Self {
        Self(vec![TargetState::Failed, TargetState::Unknown])
    }
}

impl Act {
    /// Its verb in the audit.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Pause => "run-pause",
            Self::Resume => "run-resume",
            Self::Abort => "run-abort",
            Self::Approve => "run-approve",
            Self::Retry(_) => "run-retry",
        }
    }
}

impl Runs {
    /// A run that the principal may see.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`]
    pub fn find(&self, principal: &Principal, id: &RunId) -> Result<Arc<Run>, Problem> {
        let run = self.store.find(id).filter(|run| sees(principal, run));
        run.ok_or_else(|| match self.store.damaged().contains(id) {
            true => {
                let detail = format!(
                    "the record of the run {id} is damaged; `aggregator bus records` shows what is wrong with it"
                );
                Problem::new(ProblemCode::Internal, detail)
            }
            false => unknown(id),
        })
    }

    /// Does something with a run; returns the operation in the audit and the run. `revision`: that of the run as the caller has seen it, if it
    /// must not have changed since.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`], [`ProblemCode::Forbidden`], [`ProblemCode::RunState`], [`ProblemCode::RevisionStale`], or the audit or
    /// the bucket does not answer.
    pub async fn act(
        self: &Arc<Self>,
        principal: &Principal,
        source: &RequestSource,
        id: &RunId,
        act: Act,
        revision: Option<u64>,
    ) -> Result<(OperationId, Arc<Run>), Problem> {
        let run = self.find(principal, id)?;
        may_act(principal, &run, &act)?;
        check(&run, &act, revision)?;
        self.change_limit.count(&principal.user)?;
        let entry = self
            .journal
            .entry(&principal.user, source, act.verb(), None);
        let entry = Entry {
            run_id: Some(id.clone()),
            detail: Some(summary(&run)),
            ..entry
        };
        let (runs, id, user) = (Arc::clone(self), id.clone(), principal.user.clone());
        let acted = async move { runs.apply(&id, &act, revision, &user).await };
        self.journal.record_to_end(entry, acted).await
    }

    async fn apply(
        &self,
        id: &RunId,
        act: &Act,
        revision: Option<u64>,
        user: &str,
    ) -> Result<Arc<Run>, Problem> {
        if let Act::Retry(states) = act {
            self.reset_targets(id, states).await?;
        }
        let now = self.journal.now();
        let applied = self.store.modify(id, |run| {
            check(run, act, revision)?;
            run.revision += 1;
            run.detail = None;
            match act {
                Act::Pause => run.want(Desired::Pause, user),
                Act::Resume => {
                    run.want(Desired::Run, user);
                    run.enter(RunState::Running, None, Some(user), now);
                    let failures = run.counts.iter().filter(|(state, _)| state.is_failure());
                    run.accepted_failures = failures.map(|(_, count)| count).sum();
                }
                Act::Abort => run.want(Desired::Abort, user),
                Act::Approve => {
                    let stage = run
                        .stages
                        .iter()
                        .rfind(|stage| stage.first_wave <= run.wave);
                    run.approvals.extend(stage.map(|stage| Approval {
                        stage: stage.name.clone(),
                        user: user.to_owned(),
                        time: now,
                    }));
                }
                Act::Retry(_) => {
                    run.want(Desired::Run, user);
                    run.enter(RunState::Running, None, Some(user), now);
                    run.ended_at = None;
                    run.accepted_failures = 0;
                    run.attempt += 1;
                    if run.expires_at <= now {
                        run.expires_at = now + LONGEST;
                    }
                }
            }
            Ok(())
        });
        let ((), run) = applied.await?;
        self.store.publish(&run, now).await;
        Ok(run)
    }

    /// Makes targets pending again.
    async fn reset_targets(&self, id: &RunId, states: &RetryStates) -> Result<(), Problem> {
        let run = self.store.find(id).ok_or_else(|| unknown(id))?;
        let records = self.store.target_records(&run).await?;
        let again = (0..)
            .zip(records)
            .filter(|(_, (record, _))| states.0.contains(&record.state));
        let again: Vec<_> = again
            .map(|(number, (record, revision))| (number, record.again(), revision))
            .collect();
        if again.is_empty() {
            return Err(wrong("states", "no target is in one of these states"));
        }
        self.store
            .write_targets(id, again)
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}

/// Whether the principal may know of a run: it names workloads of all namespaces of its clusters.
pub fn sees(principal: &Principal, run: &Run) -> bool {
    let grants = &principal.grants;
    run.user == principal.user
        || run
            .clusters
            .iter()
            .all(|cluster| grants.sees_all_of(cluster))
}

/// The requester may do anything but approve; others need the right of the change in all of each cluster.
fn may_act(principal: &Principal, run: &Run, act: &Act) -> Result<(), Problem> {
    let is_own = run.user == principal.user;
    if is_own && *act == Act::Approve {
        let detail = "somebody else than the requester has to approve a run";
        return Err(Problem::new(ProblemCode::Forbidden, detail));
    }
    let right = run.spec.verb()?.right;
    let grants = &principal.grants;
    let lacking = run
        .clusters
        .iter()
        .find(|cluster| !grants.may_in_all_of(right, cluster));
    match lacking {
        Some(cluster) if !is_own => Err(fleet::lacks_right(cluster, right)),
        _ => Ok(()),
    }
}

/// Whether an act fits the state of a run.
fn check(run: &Run, act: &Act, revision: Option<u64>) -> Result<(), Problem> {
    if revision.is_some_and(|revision| revision != run.revision) {
        let detail = format!(
            "revision: the run has changed since, and its revision is {} now; look at it again",
            run.revision
        );
        return Err(Problem::new(ProblemCode::RevisionStale, detail).field("revision"));
    }
    let state = run.state;
    let why = match act {
        Act::Retry(states) => {
            if let Some(state) = states.0.iter().find(|state| !state.is_ended()) {
                let why = format!("a target that is {state:?} cannot be retried").to_lowercase();
                return Err(wrong("states", why));
            }
            if states.0.contains(&TargetState::Succeeded) {
                return Err(wrong(
                    "states",
                    "a target that has succeeded is not retried",
                ));
            }
            (!state.is_ended() && state != RunState::Paused)
                .then_some("it is under way: pause it, or wait for its end")
        }
        _ if state.is_ended() => Some("it has ended"),
        Act::Pause => (run.desired != Desired::Run).then_some("it is paused or aborted already"),
        Act::Resume => (run.desired != Desired::Pause).then_some("it is not paused"),
        Act::Abort => (run.desired == Desired::Abort).then_some("it is aborted already"),
        Act::Approve => {
            (state != RunState::PendingApproval).then_some("no stage of it waits for an approval")
        }
    };
    why.map_or(Ok(()), |why| Err(Problem::new(ProblemCode::RunState, why)))
}
