//! What the aggregator does by itself on behalf of a principal, such as enrolment: written down like any change, and ended even if the caller has left.

use std::sync::Arc;

use bus_schema::OperationId;

use super::Fleet;
use audit::{Entry, Outcome, RequestSource, Target};
use diagnostics::{Problem, ProblemCode};

impl Fleet {
    /// Does something of the aggregator's own, to its end even if the caller has left.
    pub async fn record<T, E>(
        self: &Arc<Self>,
        entry: Entry,
        act: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<(OperationId, T), Problem>
    where
        T: Send + 'static,
        E: std::fmt::Display + Into<Problem> + Send + 'static,
    {
        let (journal, id) = (self.journal.clone(), self.journal.new_id());
        let operation = id.clone();
        let done = self
            .journal
            .spawn(async move { journal.record(operation, entry, act).await });
        let done = done
            .await
            .map_err(|_| Problem::new(ProblemCode::Internal, "it broke off; see the audit"))?;
        match done {
            Ok(Ok(made)) => Ok((id, made)),
            Ok(Err(error)) => Err(error.into().operation(&id)),
            Err(error) => Err(Problem::from(error).operation(&id)),
        }
    }

    /// The first line of an operation in the audit.
    pub fn entry(&self, user: &str, source: &RequestSource, verb: &str, target: Target) -> Entry {
        Entry {
            time: self.journal.now(),
            user: user.to_owned(),
            address: source.address,
            verb: verb.to_owned(),
            target: Some(target),
            operation_id: None,
            outcome: Outcome::Pending,
            detail: None,
            request_id: source.request_id.clone(),
            refused: None,
        }
    }
}
