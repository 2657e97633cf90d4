//! One target of a run, from its change to the end of its rollout. Each transition is a compare-and-set on the target's record, and the
//! audit's intent is the gate of each change, so a second runner cannot make it twice.

use std::sync::Arc;
use std::time::Duration;

use bus_schema::verb::{GetRollout, Pause, Rollout, RolloutState};
use bus_schema::{OperationId, Pattern, Request as _, WorkloadRef};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::Runs;
use crate::record::{PlannedTarget, Run, TargetRecord, TargetState};
use crate::spec::OfflinePolicy;
use audit::{Entry, Outcome, RequestSource};
use diagnostics::{Problem, ProblemCode};
use fleet::journal::SentMutation;
use fleet::watch::{Reader, View};
use identity::Principal;
use storage::BucketError;

/// How often a change is sent when it was certainly not made and may succeed later.
const TRIES: u32 = 4;

/// The pause before the second try, doubled before each further one.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The shortest time between two looks at a rollout.
const LOOK_AFTER: Duration = Duration::from_millis(500);

/// The longest: changes of the workload are looked at when they are reported, and a report may be lost.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How often a lost outcome is looked up in the audit.
const SETTLED_WITHIN: Duration = Duration::from_secs(1);

/// Why the task of a target has ended before the target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The requester may not make the change any more.
    #[error("the requester may not make the change any more: {0}")]
    PermissionLost(String),
    /// Another runner has written the record, or the bucket does not answer.
    #[error("the record of a target was not written")]
    Store(#[from] BucketError),
}

/// A record as it was written, with its revision.
pub type Written = (u32, TargetRecord, u64);

/// The task of one target.
pub struct TargetTask {
    pub runs: Arc<Runs>,
    pub run: Arc<Run>,
    pub number: u32,
    pub target: PlannedTarget,
    pub record: TargetRecord,
    pub revision: u64,
    /// Tells the driver of each record that was written.
    pub written: mpsc::UnboundedSender<Written>,
}

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
enum Made {
    Yes(Option<Timestamp>),
    /// It was certainly not made; a problem that may pass.
    NotYet(Problem),
    Ended(TargetState, String),
}

impl TargetTask {
    /// Carries the target on from its record to its end.
    ///
    /// # Errors
    /// See [`TargetError`]: the target is left as its record says.
    pub async fn drive(mut self) -> Result<(), TargetError> {
        if self.record.state == TargetState::Starting
            && let Some(id) = self.record.operation_id.clone()
        {
            // The runner before this one has ended, or lost its lease.
            let made = self.outcome_of(&id).await?;
            if self.take(made).await?.is_some() {
                return Ok(());
            }
        }
        if !self.record.state.is_begun() {
            self.make_change().await?;
        }
        if self.record.state.is_begun() {
            self.follow_rollout().await?;
        }
        Ok(())
    }

    /// Makes the change, trying again while it may succeed later.
    async fn make_change(&mut self) -> Result<(), TargetError> {
        let mut pause = TRY_AGAIN_AFTER;
        for tries in 1.. {
            let made = self.try_change().await?;
            match self.take(made).await? {
                None => return Ok(()),
                Some(problem) if tries == TRIES || !problem.code.retryable() => {
                    return self.not_made(&problem).await;
                }
                Some(_) => {
                    sleep(pause).await;
                    pause *= 2;
                }
            }
        }
        Ok(())
    }

    async fn try_change(&mut self) -> Result<Made, TargetError> {
        let principal = self.requester()?;
        let spec = &self.run.spec;
        let verb = spec
            .verb()
            .map_err(|problem| TargetError::PermissionLost(problem.to_string()))?;
        let mutation = SentMutation::of(verb, &self.target.workload, &spec.parameters);
        let mutation = match mutation {
            Ok(mutation) => mutation,
            Err(error) => return Ok(Made::Ended(TargetState::Failed, error.to_string())),
        };
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
        let id = self.runs.journal.new_id();
        self.write(TargetRecord {
            state: TargetState::Starting,
            attempt: self.record.attempt + 1,
            operation_id: Some(id.clone()),
            started_at: Some(self.runs.journal.now()),
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
        match done.await {
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

    /// What has become of an operation, by the audit. One that has no line there gets one, so that it can never begin.
    async fn outcome_of(&self, id: &OperationId) -> Result<Made, TargetError> {
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
        let target = audit::Target {
            cluster: self.target.cluster.clone(),
            namespace: Some(self.target.workload.namespace.clone()),
            deployment_name: Some(self.target.workload.name.clone()),
        };
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
    async fn take(&mut self, made: Made) -> Result<Option<Problem>, TargetError> {
        let record = self.record.clone();
        match made {
            Made::NotYet(problem) => {
                if record.state == TargetState::Starting {
                    self.write(TargetRecord {
                        attempt: record.attempt,
                        ..TargetRecord::PENDING
                    })
                    .await?;
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

    /// Watches the rollout to its end, whatever the requester may see by then.
    async fn follow_rollout(&mut self) -> Result<(), TargetError> {
        let request = GetRollout {
            target: self.target.workload.clone(),
        };
        let mut changes = self
            .runs
            .requester(&self.run)
            .map(|requester| self.changes(&requester));
        loop {
            let cluster = &self.target.cluster;
            let seen = self.runs.fleet.ask_for_itself(cluster, &request).await;
            let now = self.runs.journal.now();
            match seen {
                Ok(rollout) => self.see(&rollout, now).await?,
                Err(problem) => self.see_nothing(&problem, now).await?,
            }
            if !self.record.state.is_begun() {
                return Ok(());
            }
            sleep(LOOK_AFTER).await;
            let left = self.until_next_look(now);
            match &mut changes {
                // A change of any workload of the namespace ends the wait: that is cheaper than to read each event.
                Some(changes) => drop(timeout(left, changes.next()).await),
                None => sleep(left).await,
            }
        }
    }

    async fn see(&mut self, rollout: &Rollout, now: Timestamp) -> Result<(), TargetError> {
        if let Some(reason) = self.superseded(rollout) {
            return self.end(TargetState::Superseded, reason).await;
        }
        match rollout.state {
            RolloutState::Complete => {
                let since = self.record.complete_since.unwrap_or(now);
                let soaked =
                    now.duration_since(since) >= self.run.spec.strategy.min_success_time.signed();
                if soaked {
                    return self
                        .write(TargetRecord {
                            state: TargetState::Succeeded,
                            complete_since: Some(since),
                            ended_at: Some(now),
                            reason: None,
                            ..self.record.clone()
                        })
                        .await;
                }
                self.note(TargetState::Soaking, Some(since), None).await
            }
            RolloutState::Failed => self.end(TargetState::Failed, reason(rollout)).await,
            RolloutState::Terminating => {
                self.end(TargetState::Failed, "it is being deleted".to_owned())
                    .await
            }
            _ if self.is_overdue(now) => {
                let deadline = self.run.spec.strategy.progress_deadline;
                let why = format!(
                    "the rollout was not complete after {deadline}: {}",
                    reason(rollout)
                );
                self.end(TargetState::Failed, why).await
            }
            _ => {
                self.note(TargetState::Progressing, None, Some(reason(rollout)))
                    .await
            }
        }
    }

    async fn see_nothing(&mut self, problem: &Problem, now: Timestamp) -> Result<(), TargetError> {
        match problem.code {
            ProblemCode::NotFound => {
                self.end(TargetState::Failed, "it was deleted meanwhile".to_owned())
                    .await
            }
            _ if self.is_overdue(now) => {
                let why = format!(
                    "the change was made, and its rollout cannot be seen: {}",
                    problem.detail
                );
                self.end(TargetState::Unknown, why).await
            }
            _ => {
                self.note(
                    self.record.state,
                    self.record.complete_since,
                    Some(problem.detail.to_string()),
                )
                .await
            }
        }
    }

    /// Why the rollout that is seen is not the one of this run.
    fn superseded(&self, rollout: &Rollout) -> Option<String> {
        let (own, newest) = (
            self.record.operation_id.as_ref()?,
            rollout.operation_id.as_ref(),
        );
        if let Some(newest) = newest.filter(|newest| *newest != own) {
            return Some(format!("the newer operation {newest} has changed it since"));
        }
        let written = self.record.restarted_at?;
        let there = rollout.restarted_at;
        (there != Some(written)).then(|| match there {
            Some(there) => format!("somebody else restarted it at {there}"),
            None => "somebody else has undone the restart".to_owned(),
        })
    }

    fn is_overdue(&self, now: Timestamp) -> bool {
        let started = self.record.started_at.unwrap_or(now);
        now.duration_since(started) > self.run.spec.strategy.progress_deadline.signed()
    }

    /// How long to wait for a change: not past the moment at which a complete rollout has succeeded.
    fn until_next_look(&self, now: Timestamp) -> Duration {
        let left = self.record.complete_since.map(|since| {
            let soaked: SignedDuration = self.run.spec.strategy.min_success_time.signed();
            Duration::try_from(soaked - now.duration_since(since)).unwrap_or_default()
        });
        left.map_or(LOOK_EVERY, |left| {
            left.saturating_sub(LOOK_AFTER).min(LOOK_EVERY)
        })
    }

    /// The changes in the namespace of the target.
    fn changes(&self, principal: &Principal) -> Reader {
        let namespace = &self.target.workload.namespace;
        let view = View {
            grants: Arc::clone(&principal.grants),
            clusters: vec![Pattern::from(&self.target.cluster)],
            selected: None,
            namespaces: vec![Pattern::from(namespace)],
        };
        self.runs.registry.watch(view, None)
    }

    fn requester(&self) -> Result<Principal, TargetError> {
        let lost =
            || TargetError::PermissionLost(format!("there is no user {} any more", self.run.user));
        self.runs.requester(&self.run).ok_or_else(lost)
    }

    /// Records a state while the target is under way, if that says anything new.
    async fn note(
        &mut self,
        state: TargetState,
        complete_since: Option<Timestamp>,
        reason: Option<String>,
    ) -> Result<(), TargetError> {
        let record = TargetRecord {
            state,
            complete_since,
            reason,
            ..self.record.clone()
        };
        match record == self.record {
            true => Ok(()),
            false => self.write(record).await,
        }
    }

    async fn end(&mut self, state: TargetState, reason: String) -> Result<(), TargetError> {
        let record = TargetRecord {
            state,
            ended_at: state.is_ended().then(|| self.runs.journal.now()),
            reason: Some(reason),
            ..self.record.clone()
        };
        self.write(record).await
    }

    async fn write(&mut self, record: TargetRecord) -> Result<(), TargetError> {
        let store = &self.runs.store;
        self.revision = store
            .write_target(&self.run.id, self.number, &record, self.revision)
            .await?;
        self.record = record;
        drop(
            self.written
                .send((self.number, self.record.clone(), self.revision)),
        );
        Ok(())
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

/// Why a rollout is not complete, for people.
fn reason(rollout: &Rollout) -> String {
    let message = &rollout.message;
    match rollout.problems.first() {
        None => message.clone(),
        Some(problem) => {
            let (message, cause) = (message.trim_end_matches('.'), &problem.reason);
            format!("{message}: {cause} {}", problem.message)
                .trim_end()
                .to_owned()
        }
    }
}
