//! The journal of all audited operations: intent, act, outcome. Nothing is done before the intent is acknowledged; an outcome that was
//! not written is reconciled later, by any replica. See [`Operation`] for the state that survives a replica.

use std::fmt::Display;
use std::sync::Arc;

use async_nats::jetstream::Context;
use bus_schema::OperationId;
use jiff::{SignedDuration, Timestamp};
use tokio_util::task::TaskTracker;

use audit::{Audit, AuditError, Entry, Outcome, Sequence};
use storage::bus::BusClock;
use storage::{Bucket, BucketError, StoreError};

mod act;
mod idempotency;
mod operation;
mod reconcile;
mod unacknowledged;

pub use idempotency::{
    Claim, ClaimedRequest, IdempotencyKeys, IdempotentRequest, RequestKey, StoredResponse, sha256,
};
pub use operation::{Operation, SentMutation};
pub use reconcile::{Observation, Observe, Verdict, reconcile};

use unacknowledged::Unacknowledged;

/// How long an act of the aggregator itself, such as an enrolment, may take before its outcome counts as lost.
const ACT_WITHIN: SignedDuration = SignedDuration::from_mins(1);

/// The journal. Clones share it.
#[derive(Debug, Clone)]
pub struct Journal(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    audit: Audit,
    operations: Bucket<Operation>,
    clock: BusClock,
    unacknowledged: Unacknowledged,
    /// Tasks in progress, awaited before the program ends.
    tasks: TaskTracker,
}

impl Journal {
    /// A journal that writes its lines into this audit log.
    ///
    /// # Errors
    /// If JetStream is unavailable, or the bucket exists with other settings.
    pub async fn open(
        jetstream: &Context,
        replicas: usize,
        audit: Audit,
        clock: BusClock,
    ) -> Result<Self, StoreError> {
        Ok(Self(Arc::new(Shared {
            audit,
            operations: Bucket::open(jetstream, replicas).await?,
            clock,
            unacknowledged: Unacknowledged::default(),
            tasks: TaskTracker::new(),
        })))
    }

    /// The time on the bus.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// The id of an operation that begins now. Ids are unguessable and sort by time.
    #[must_use]
    pub fn new_id(&self) -> OperationId {
        OperationId::at(self.now(), rand::random())
    }

    /// The id of the operation of an entry: that of its idempotency key if it has one, or a new one.
    #[must_use]
    pub fn id_of(&self, entry: &Entry) -> OperationId {
        let id = entry.operation_id.clone();
        id.unwrap_or_else(|| self.new_id())
    }

    /// Runs an act of the aggregator itself between its intent and its outcome.
    ///
    /// # Errors
    /// If the intent is not acknowledged; nothing was done then.
    pub async fn record<T, E: Display>(
        &self,
        id: OperationId,
        entry: Entry,
        act: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>, AuditError> {
        let operation = Operation::new(id, None, self.now() + ACT_WITHIN, entry);
        let begun = self.begin(operation).await?;
        let done = act.await;
        let (outcome, detail) = match &done {
            Ok(_) => (Outcome::Succeeded, None),
            Err(error) => (Outcome::Failed, Some(error.to_string())),
        };
        self.conclude(begun, outcome, detail).await;
        Ok(done)
    }

    /// Writes the intent, and the operation for its reconciliation. Nothing may be done before both are acknowledged.
    ///
    /// # Errors
    /// [`AuditError::SettledAlready`] if an operation with this id exists, which is left unchanged.
    pub async fn begin(&self, operation: Operation) -> Result<Begun, AuditError> {
        let shared = &self.0;
        let (intended, created) = tokio::join!(
            shared.audit.intend(&operation.id, &operation.entry),
            shared.operations.create(&operation.id, &operation),
        );
        let last = match intended {
            // The record belongs to the operation of the replica that was first, whichever of the two wrote it.
            Err(AuditError::SettledAlready) => return Err(AuditError::SettledAlready),
            Ok(last) => match created {
                Ok(_) | Err(BucketError::Conflict { .. }) => Ok(last),
                Err(error) => {
                    tracing::error!(%error, operation = %operation.id, "an operation was not begun");
                    Err(AuditError::Unavailable(None))
                }
            },
            Err(error) => Err(error),
        };
        match last {
            Ok(last) => Ok(Begun { operation, last }),
            Err(error) => {
                shared.unacknowledged.push(operation);
                Err(error)
            }
        }
    }

    /// Writes an outcome. If it cannot be written now, was written by another replica or is not known yet, [`reconcile`] checks it
    /// again, since the operation is still recorded.
    pub async fn conclude(&self, begun: Begun, outcome: Outcome, detail: Option<String>) {
        if self.append(&begun, outcome, detail).await && outcome.is_settled() {
            // The caller does not need to wait for this.
            let journal = self.clone();
            self.spawn(async move { journal.close(&begun.operation.id).await });
        }
    }

    /// Closes an operation that has no line in the audit, so that it can never begin; returns whether it has one now that says so.
    ///
    /// # Errors
    /// If the audit log does not respond.
    pub async fn close_unbegun(&self, id: &OperationId, entry: Entry) -> Result<bool, AuditError> {
        let entry = Entry {
            operation_id: Some(id.clone()),
            outcome: Outcome::Expired,
            ..entry
        };
        match self.0.audit.intend(id, &entry).await {
            Ok(_) => Ok(true),
            Err(AuditError::SettledAlready) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn append(&self, begun: &Begun, outcome: Outcome, detail: Option<String>) -> bool {
        let Begun { operation, last } = begun;
        let entry = Entry {
            time: self.now(),
            outcome,
            detail: detail.or_else(|| operation.entry.detail.clone()),
            ..operation.entry.clone()
        };
        let appended = self.0.audit.append(&operation.id, &entry, *last).await;
        if let Err(error) = &appended {
            tracing::warn!(%error, operation = %operation.id, "an outcome is not in the audit yet");
        }
        appended.is_ok()
    }

    /// Deletes an operation whose outcome has been written.
    async fn close(&self, operation: &OperationId) {
        if let Err(error) = self.0.operations.purge(operation).await {
            tracing::warn!(%error, %operation, "a settled operation is still recorded");
        }
    }

    /// The newest line of an operation.
    ///
    /// # Errors
    /// If the audit log does not respond.
    pub async fn newest(&self, operation: &OperationId) -> Result<Option<Entry>, AuditError> {
        let newest = self.0.audit.newest(operation).await?;
        Ok(newest.and_then(|(_, entry)| entry))
    }

    /// Runs a task to completion, which is awaited before the program ends.
    pub fn spawn<F>(&self, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.0.tasks.spawn(task)
    }

    /// Waits until all operations in progress have their outcome.
    pub async fn finish(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

/// An operation whose intent is acknowledged.
#[derive(Debug)]
pub struct Begun {
    /// The operation.
    pub operation: Operation,
    /// Its newest line in the audit.
    last: Sequence,
}
