//! How much one person may change: what is refused here has written nothing, so nobody fills the audit for all others.

use std::time::Instant;

use diagnostics::{Problem, ProblemCode};
use limits::Attempts;

/// How much each user has changed.
#[derive(Debug, Default)]
pub struct ChangeLimit(Attempts);

impl ChangeLimit {
    /// Counts a change or a sign-in of this user, which are lines of the audit. Before any of it is written.
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
