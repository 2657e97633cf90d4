//! Limits how much one user may change. A refused change writes nothing, so no user can fill the audit log.

use std::time::Instant;

use diagnostics::{Problem, ProblemCode};
use limits::Attempts;

/// Counts the changes of each user.
#[derive(Debug, Default)]
pub struct ChangeLimit(Attempts);

impl ChangeLimit {
    /// Counts a change or a sign-in of this user, both of which write audit lines. Must be called before anything is written.
    ///
    /// # Errors
    /// [`ProblemCode::RateLimited`]
    pub fn count(&self, user: &str) -> Result<(), Problem> {
        let sources = self.0.changes(user);
        self.0.acquire(&sources, Instant::now()).map_err(|wait| {
            let detail =
                format!("{user} has changed too much in a short time; wait, then try again");
            Problem::new(ProblemCode::RateLimited, detail).retry_after(wait)
        })
    }
}
