//! One target of a run, from its change to the end of its rollout. Each transition is a compare-and-set on the target's record, and the
//! audit's intent is the gate of each change, so a second runner cannot make it twice.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::Runs;
use crate::record::{PlannedTarget, Run, TargetRecord};
use crate::state::TargetState;
use storage::BucketError;

mod change;
mod rollout;

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
        // One that has ended by now, such as an unknown outcome, is not changed once more.
        if self.record.state.is_open() {
            self.make_change().await?;
        }
        if self.record.state.is_begun() {
            self.follow_rollout().await?;
        }
        Ok(())
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
