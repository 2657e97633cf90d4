//! Passwords: how they are hashed, with a bound on the CPU and memory that sign-ins can take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use diagnostics::{Problem, ProblemCode};

mod hash;
mod memory;
mod stdin;
mod user_key;

pub use hash::{StoredHash, StoredHashError, hash};
pub use stdin::{HashPasswordError, hash_password_from_stdin};
pub use user_key::UserKey;

/// Each run takes 19 MiB and about 25 ms of a core: more of them at once would starve the rest of the process.
const RUNS_AT_ONCE: usize = 2;

/// How long a sign-in waits for its turn before it is refused.
const TURN_WITHIN: Duration = Duration::from_secs(3);

/// Fewest characters of a password that is hashed here.
pub const MIN_CHARACTERS: usize = 8;

/// Most bytes of a password.
pub const MAX_BYTES: usize = 1024;

/// A password, prepared by RFC 8265 as far as it can be, so that it is the same from every keyboard. Its `Debug` text does not show it.
#[derive(Clone, serde::Deserialize)]
#[serde(from = "String")]
pub struct Password(String);

impl Password {
    /// The password itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        // A password that the profile does not allow may have been hashed by another program: as entered, it still matches.
        Self(crate::prepared::password(&text).unwrap_or(text))
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Runs Argon2, with a limit on concurrent runs.
#[derive(Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    runs: AtomicU64,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(RUNS_AT_ONCE)),
            runs: AtomicU64::new(0),
        }
    }
}

impl Passwords {
    /// Whether the password is the one that was hashed. Takes the same work for a right and a wrong one: pass
    /// [`StoredHash::decoy`] for a user that does not exist.
    ///
    /// # Errors
    /// [`ProblemCode::RateLimited`] when too many wait already.
    pub async fn verify(&self, password: Password, hash: StoredHash) -> Result<bool, Problem> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(TURN_WITHIN, turn).await else {
            return Err(Problem::new(
                ProblemCode::RateLimited,
                "too many sign-ins at the same time",
            )
            .retry_after(TURN_WITHIN));
        };
        self.runs.fetch_add(1, Ordering::Relaxed);
        let run = tokio::task::spawn_blocking(move || {
            // The permit is released when the work ends, even if the caller has left meanwhile.
            let _turn = turn;
            hash.matches(&password)
        });
        run.await
            .map_err(|_| Problem::new(ProblemCode::Internal, "the password could not be checked"))
    }

    /// Number of runs of Argon2.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::from(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_verified_against_its_own_hash_alone() {
        let passwords = Passwords::default();
        let hash = hash(&password("correct horse")).unwrap();
        let verify = |text, hash| passwords.verify(password(text), hash);
        assert!(verify("correct horse", hash.clone()).await.unwrap());
        assert!(!verify("correct horsf", hash.clone()).await.unwrap());
        assert!(
            !verify("correct horse", StoredHash::decoy(None))
                .await
                .unwrap()
        );
        assert_eq!(passwords.runs(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_is_told_when_to_come_back() {
        let passwords = Passwords::default();
        let _all = passwords
            .turns
            .acquire_many(u32::try_from(RUNS_AT_ONCE).unwrap())
            .await;
        let refused = passwords
            .verify(password("anything"), StoredHash::decoy(None))
            .await
            .unwrap_err();
        assert_eq!(refused.code, ProblemCode::RateLimited);
        assert_eq!(refused.retry_after, Some(TURN_WITHIN));
        assert_eq!(passwords.runs(), 0);
    }

    #[test]
    fn nothing_secret_is_shown() {
        let typed = password("canary-7");
        let stored = hash(&typed).unwrap();
        let shown = format!("{typed:?} {stored:?} {:?}", Passwords::default());
        assert!(
            !shown.contains("canary") && !shown.contains("$argon2"),
            "{shown}"
        );
    }
}
