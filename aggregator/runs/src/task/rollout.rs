//! The rollout that a change has begun, watched to its end.

use std::sync::Arc;
use std::time::Duration;

use bus_schema::Pattern;
use bus_schema::verb::{GetRollout, Rollout, RolloutState};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{sleep, timeout};

use super::{TargetError, TargetTask};
use crate::record::TargetRecord;
use crate::state::TargetState;
use diagnostics::{Problem, ProblemCode};
use fleet::watch::{Reader, View};
use identity::Principal;

/// The shortest time between two looks at a rollout.
const LOOK_AFTER: Duration = Duration::from_millis(500);

/// The longest: changes of the workload are looked at when they are reported, and a report may be lost.
const LOOK_EVERY: Duration = Duration::from_secs(5);

impl TargetTask {
    /// Watches the rollout to its end, whatever the requester may see by then.
    pub(super) async fn follow_rollout(&mut self) -> Result<(), TargetError> {
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
