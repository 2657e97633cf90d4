//! The change of one target: made once, or certainly not, or not known.

use std::sync::Arc;
use std::time::Duration;

use bus_schema::verb::{Pause, Undo};
use bus_schema::{OperationId, Request as _, Verb, WorkloadRef};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, timeout};

use super::{TargetError, TargetTask};
use crate::record::TargetRecord;
use crate::spec::{OfflinePolicy, TO_REVISION};
use crate::state::TargetState;
use audit::{Entry, Outcome, RequestSource};
use diagnostics::{Problem, ProblemCode};
use fleet::journal::SentMutation;
use identity::Principal;

/// How often a change is sent when it was certainly not made and may succeed later. While its cluster has as many rollouts under way as
/// its agent allows, it is sent until the progress deadline.
const TRIES: u32 = 4;

/// The pause before the second try, doubled before each further one.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How often a lost outcome is looked up in the audit.
const SETTLED_WITHIN: Duration = Duration::from_secs(1);

/// What the reply to a mutation says of it, whatever the mutation is.
#[derive(Debug, Serialize, Deserialize)]
struct Changed {
    #[serde(flatten)]
    target: WorkloadRef,
    /// Of a restart.
    #[serde(default)]
    restarted_at: Option<Timestamp>,
}

/// What has become of an operation.
pub(super) enum Made {
    Yes(Option<Timestamp>),
    /// It was certainly not made; a problem that may pass.
    NotYet(Problem),
    Ended(TargetState, String),
}

impl TargetTask {
    /// Makes the change, trying again while it may succeed later.
    pub(super) async fn make_change(&mut self) -> Result<(), TargetError> {
        let (mut pause, mut tries) = (TRY_AGAIN_AFTER, 0);
        let give_up = Instant::now() + self.run.spec.strategy.progress_deadline.duration();
        loop {
            let made = self.try_change().await?;
            let Some(problem) = self.take(made).await? else {
                return Ok(());
            };
            // Rollouts of others end in their own time.
            let is_full = problem.code == ProblemCode::TooManyRollouts;
            tries += u32::from(!is_full);
            let is_hopeless = !problem.code.retryable() || Instant::now() + pause > give_up;
            if tries == TRIES || is_hopeless {
                return self.not_made(&problem).await;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn try_change(&mut self) -> Result<Made, TargetError> {
        let runs = Arc::clone(&self.runs);
        let permit = runs.changing.acquire().await;
        let principal = self.requester()?;
        let spec = &self.run.spec;
        let verb = spec
            .verb()
            .map_err(|problem| TargetError::PermissionLost(problem.to_string()))?;
        let (fleet, cluster) = (&self.runs.fleet, self.target.cluster.clone());
        let namespace = &self.target.workload.namespace;
        if !principal.grants.may(verb.right, &cluster, Some(namespace)) {
            let user = &self.run.user;
            let lost = format!(
                "{user} may not {} {} in {cluster} any more",
                verb.name, self.target.workload
            );
            return Err(TargetError::PermissionLost(lost));
        }
        if let Err(problem) = fleet.may_change(&principal, &cluster, verb, &self.target.workload) {
            return Ok(Made::NotYet(problem));
        }
        let to_revision = match self.to_revision(&principal, verb).await {
            Ok(to_revision) => to_revision,
            Err(problem) => return Ok(Made::NotYet(problem)),
        };
        let mut parameters = spec.parameters.clone();
        if let Some(revision) = to_revision {
            parameters.insert(TO_REVISION.to_owned(), revision.into());
        }
        let mutation = SentMutation::of(verb, &self.target.workload, &parameters);
        let mutation = match mutation {
            Ok(mutation) => mutation,
            Err(error) => return Ok(Made::Ended(TargetState::Failed, error.to_string())),
        };
        let id = self.runs.journal.new_id();
        self.write(TargetRecord {
            state: TargetState::Starting,
            attempt: self.record.attempt + 1,
            operation_id: Some(id.clone()),
            started_at: Some(self.runs.journal.now()),
            to_revision,
            ..TargetRecord::PENDING
        })
        .await?;
        let source = self.source(&id);
        let workload = self.target.workload.clone();
        let fleet = Arc::clone(&self.runs.fleet);
        let reason = self.run.spec.reason.clone();
        let done = fleet.mutate_uncounted::<Changed>(
            &principal,
            &source,
            &cluster,
            (&workload, mutation, reason),
        );
        let done = done.await;
        // An outcome that is not known is waited for without it.
        drop(permit);
        match done {
            Ok(done) => Ok(Made::Yes(done.reply.restarted_at)),
            // Refused before anything was written.
            Err(problem) if problem.operation_id.is_none() => Ok(Made::NotYet(problem)),
            Err(problem) => match problem.code {
                // Its line may have been written nevertheless, or be that of a runner that was faster.
                ProblemCode::OutcomeUnknown
                | ProblemCode::AuditUnavailable
                | ProblemCode::IdempotencyKeyInFlight
                | ProblemCode::Internal => self.outcome_of(&id).await,
                ProblemCode::Superseded => Ok(Made::Ended(
                    TargetState::Superseded,
                    problem.detail.into_owned(),
                )),
                _ => Ok(Made::NotYet(problem)),
            },
        }
    }

    /// The revision that this target's undo goes back to, if the run names none: its previous one.
    async fn to_revision(&self, principal: &Principal, verb: Verb) -> Result<Option<u64>, Problem> {
        let is_named = self.run.spec.parameters.contains_key(TO_REVISION);
        if verb != Verb::of::<Undo>() || is_named {
            return Ok(None);
        }
        if let Some(resolved) = self.record.to_revision {
            return Ok(Some(resolved));
        }
        let (fleet, target) = (&self.runs.fleet, &self.target);
        let previous = fleet.previous_revision(principal, &target.cluster, &target.workload);
        previous.await.map(Some)
    }

    /// What has become of an operation, by the audit. One that has no line there gets one, so that it can never begin.
    pub(super) async fn outcome_of(&self, id: &OperationId) -> Result<Made, TargetError> {
        let within = self.run.spec.strategy.progress_deadline.duration();
        let looked_up = timeout(within, self.settled(id)).await;
        Ok(looked_up.unwrap_or_else(|_| {
            let why = "whether the change was made is not known; the audit will show it once its cluster can be queried";
            Made::Ended(TargetState::Unknown, why.to_owned())
        }))
    }

    async fn settled(&self, id: &OperationId) -> Made {
        loop {
            if let Ok(newest) = self.runs.journal.newest(id).await {
                match newest {
                    Some(entry) if entry.outcome.is_settled() => return made(entry),
                    Some(_) => {}
                    None => {
                        let closed = self.runs.journal.close_unbegun(id, self.expired(id)).await;
                        if let Ok(true) = closed {
                            let detail = "it was interrupted before it began";
                            return Made::NotYet(Problem::new(ProblemCode::Expired, detail));
                        }
                    }
                }
            }
            sleep(SETTLED_WITHIN).await;
        }
    }

    /// The audit line of an operation that will never begin.
    fn expired(&self, id: &OperationId) -> Entry {
        let target = audit::Target::workload(&self.target.cluster, &self.target.workload);
        let (journal, run) = (&self.runs.journal, &self.run);
        Entry {
            detail: Some("it was interrupted before it began, so nothing was done".to_owned()),
            reason: run.spec.reason.clone(),
            ..journal.entry(&run.user, &self.source(id), &run.spec.action, target)
        }
    }

    fn source(&self, id: &OperationId) -> RequestSource {
        RequestSource {
            address: self.run.address,
            request_id: None,
            operation_id: Some(id.clone()),
            run_id: Some(self.run.id.clone()),
        }
    }

    /// Records what has become of the change; returns why it was not made if it may be tried again.
    pub(super) async fn take(&mut self, made: Made) -> Result<Option<Problem>, TargetError> {
        let record = self.record.clone();
        match made {
            Made::NotYet(problem) => {
                if record.state == TargetState::Starting {
                    self.write(record.again()).await?;
                }
                Ok(Some(problem))
            }
            Made::Yes(restarted_at) => {
                let state = match self.run.spec.action == Pause::VERB {
                    // It begins no rollout.
                    true => TargetState::Succeeded,
                    false => TargetState::Progressing,
                };
                self.write(TargetRecord {
                    state,
                    restarted_at,
                    ..record
                })
                .await?;
                Ok(None)
            }
            Made::Ended(state, reason) => {
                self.end(state, reason).await?;
                Ok(None)
            }
        }
    }

    /// The change could not be made.
    async fn not_made(&mut self, problem: &Problem) -> Result<(), TargetError> {
        let state = match (problem.code, self.run.spec.strategy.offline) {
            (ProblemCode::ClusterOffline, OfflinePolicy::Wait) => TargetState::Waiting,
            (ProblemCode::ClusterOffline, OfflinePolicy::Skip) => TargetState::Skipped,
            _ => TargetState::Failed,
        };
        self.end(state, problem.detail.to_string()).await
    }

    fn requester(&self) -> Result<Principal, TargetError> {
        let lost =
            || TargetError::PermissionLost(format!("there is no user {} any more", self.run.user));
        self.runs.requester(&self.run).ok_or_else(lost)
    }
}

/// What has become of an operation that has an outcome.
fn made(entry: Entry) -> Made {
    let detail = entry.detail.unwrap_or_default();
    match entry.outcome {
        Outcome::Succeeded => Made::Yes(None),
        Outcome::Superseded => Made::Ended(TargetState::Superseded, detail),
        Outcome::Expired => Made::NotYet(Problem::new(ProblemCode::Expired, detail)),
        _ => Made::Ended(TargetState::Failed, detail),
    }
}
