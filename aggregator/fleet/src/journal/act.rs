//! Acts of the aggregator itself on behalf of a principal, such as enrolment: audited like any mutation, and completed even if the
//! caller has disconnected.

use bus_schema::OperationId;

use super::Journal;
use audit::{Entry, Outcome, RequestSource, Target};
use diagnostics::{Problem, ProblemCode};

impl Journal {
    /// Runs an act of the aggregator itself to completion, even if the caller has disconnected.
    ///
    /// # Errors
    /// If the intent is not acknowledged; nothing was done then. Otherwise the errors of `act`.
    pub async fn record_to_end<T, E>(
        &self,
        entry: Entry,
        act: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<(OperationId, T), Problem>
    where
        T: Send + 'static,
        E: std::fmt::Display + Into<Problem> + Send + 'static,
    {
        let (journal, id) = (self.clone(), self.id_of(&entry));
        let operation = id.clone();
        let done = self.spawn(async move { journal.record(operation, entry, act).await });
        let done = done.await.map_err(|_| {
            Problem::new(ProblemCode::Internal, "it was interrupted; see the audit")
        })?;
        match done {
            Ok(Ok(made)) => Ok((id, made)),
            Ok(Err(error)) => Err(error.into().operation(&id)),
            Err(error) => Err(Problem::from(error).operation(&id)),
        }
    }

    /// The first audit line of an operation.
    #[must_use]
    pub fn entry(
        &self,
        user: &str,
        source: &RequestSource,
        verb: &str,
        target: impl Into<Option<Target>>,
    ) -> Entry {
        Entry {
            time: self.now(),
            user: user.to_owned(),
            address: source.address,
            verb: verb.to_owned(),
            target: target.into(),
            operation_id: source.operation_id.clone(),
            reason: None,
            run_id: source.run_id.clone(),
            outcome: Outcome::Pending,
            detail: None,
            request_id: source.request_id.clone(),
            refused: None,
        }
    }
}
