//! How writing a line fails.

use diagnostics::{Problem, ProblemCode};

/// Why a line was not written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The stream is unavailable, full, or too slow.
    #[error("the audit cannot be written")]
    Unavailable(#[source] Option<async_nats::jetstream::context::PublishError>),
    /// Another writer has written the operation's next line.
    #[error("the operation has been settled already")]
    SettledAlready,
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Unavailable(_) => Self::new(
                ProblemCode::AuditUnavailable,
                "the audit cannot be written, so nothing was done; reading still works",
            ),
            AuditError::SettledAlready => Self::new(
                ProblemCode::IdempotencyKeyInFlight,
                "this operation was begun before, and this call did nothing; GET /operations/{operation_id} shows its outcome",
            ),
        }
    }
}
