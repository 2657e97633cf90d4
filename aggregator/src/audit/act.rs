//! Something that is done between two lines of the audit: the intent first, the outcome afterwards.

use std::fmt::Display;

use bus_schema::OperationId;
use jiff::Timestamp;

use super::{Audit, AuditError, Entry, Outcome};

impl Audit {
    /// Does it once the intent is acknowledged, and writes down how it ended.
    ///
    /// # Errors
    /// When the intent is not acknowledged: then nothing was done.
    pub async fn around<T, E: Display>(
        &self,
        id: &OperationId,
        mut entry: Entry,
        act: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>, AuditError> {
        let last = self.intend(id, &entry).await?;
        let done = act.await;
        entry.time = Timestamp::now();
        entry.outcome = match &done {
            Ok(_) => Outcome::Succeeded,
            Err(_) => Outcome::Failed,
        };
        if let Err(error) = &done {
            entry.detail = Some(error.to_string());
        }
        if let Err(error) = self.append(id, &entry, last).await {
            tracing::warn!(%error, operation = %id, "an outcome is not in the audit");
        }
        Ok(done)
    }
}
