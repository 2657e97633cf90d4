//! Sessions: opaque random tokens, stored hashed in a JetStream bucket and mirrored in memory by every replica. A look-up needs no request;
//! ending a session ends it on all replicas. The bucket decides when sessions expire, not the clock of this machine.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use bus_keys::streams::{BucketSpec, SESSIONS};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::users::User;
use diagnostics::{Problem, ProblemCode};
use storage::{Bucket, BucketError, Record, RecordKey, StoreError};

mod mirror;
mod stale;
mod token;

pub use mirror::SessionHandle;
pub use stale::end_stale_sessions;
pub use token::{SessionKey, Token};

use mirror::Mirror;

/// How long a session lasts.
pub const LASTS: Duration = SESSIONS.max_age;

/// Most sessions of one user: with more, the oldest one ends.
const PER_USER: usize = 200;

/// A session in the bucket, under the hash of its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The user.
    pub user: String,
    /// When it began, by the clock of the replica that created it; only for display.
    pub created_at: Timestamp,
    /// How the user was authenticated.
    pub via: Via,
    /// The fingerprint of the password's hash at that time: changing the password ends the session.
    pub credential: String,
}

/// How a user signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// With a password.
    Password,
    /// In a way that only a newer version knows.
    #[serde(other)]
    Other,
}

impl Record for Session {
    const BUCKET: BucketSpec = SESSIONS;
    type Key = SessionKey;
    const KEY: &'static str = "the hash of a token";
}

impl RecordKey for SessionKey {
    fn as_str(&self) -> &str {
        self.as_str()
    }
}

/// All sessions. Clones share them; the last one stops watching the bucket.
#[derive(Debug, Clone)]
pub struct Sessions {
    bucket: Bucket<Session>,
    lasts: Duration,
    mirror: Arc<Mirror>,
    _watching: Arc<DropGuard>,
}

impl Sessions {
    /// Opens the bucket, creating it with this many replicas if it is missing, and reads all sessions before it returns. From then
    /// on it watches the bucket, and resumes after interruptions.
    ///
    /// # Errors
    /// When JetStream does not answer, or the bucket exists with other settings.
    pub async fn open(jetstream: &Context, replicas: usize) -> Result<Self, StoreError> {
        Self::open_as(jetstream, SESSIONS, replicas).await
    }

    async fn open_as(
        jetstream: &Context,
        spec: BucketSpec,
        replicas: usize,
    ) -> Result<Self, StoreError> {
        let bucket = Bucket::open_as(jetstream, spec, replicas).await?;
        let mirror = Arc::new(Mirror::new(spec.max_age));
        let mut watch = bucket.watch();
        let watching = Arc::clone(&mirror);
        let mut on = move |event| watching.apply(event);
        let changes = watch.sync(&mut on).await?;
        let stop = CancellationToken::new();
        let watching = watch.run(Some(changes), on);
        tokio::spawn(stop.clone().run_until_cancelled_owned(watching));
        Ok(Self {
            bucket,
            lasts: spec.max_age,
            mirror,
            _watching: Arc::new(stop.drop_guard()),
        })
    }

    /// Creates a session; returns its token, which cannot be read again afterwards, and how long it is valid.
    ///
    /// # Errors
    /// [`ProblemCode::BusUnavailable`] when it cannot be stored.
    pub async fn create(&self, user: &User) -> Result<(Token, Duration), Problem> {
        self.make_room(&user.name).await;
        let token = Token::mint().map_err(|_| {
            Problem::new(
                ProblemCode::Internal,
                "the operating system provided no random bytes",
            )
        })?;
        let session = Session {
            user: user.name.clone(),
            created_at: Timestamp::now(),
            via: Via::Password,
            credential: user.password_hash.fingerprint(),
        };
        let key = token.key();
        let revision = self.bucket.put(&key, &session).await.map_err(unavailable)?;
        // The watch would add it to the mirror a moment later, too late for a client that calls again at once.
        self.mirror.put(key, revision, session);
        Ok((token, self.lasts))
    }

    /// The session of a token, if there is one.
    #[must_use]
    pub fn find(&self, token: &Token) -> Option<Arc<SessionHandle>> {
        self.mirror.find(&token.key())
    }

    /// Ends the session of a token on all replicas; returns whether there was one.
    ///
    /// # Errors
    /// [`ProblemCode::BusUnavailable`] when that cannot be stored: then the session goes on.
    pub async fn revoke(&self, token: &Token) -> Result<bool, Problem> {
        self.end(&token.key()).await
    }

    async fn end(&self, key: &SessionKey) -> Result<bool, Problem> {
        let was_there = self.bucket.purge(key).await.map_err(unavailable)?;
        self.mirror.end(key);
        Ok(was_there)
    }

    async fn make_room(&self, user: &str) {
        for key in self.mirror.beyond(user, PER_USER - 1) {
            // Best effort: the limit protects memory, and the next sign-in tries again.
            let _ = self.end(&key).await;
        }
    }
}

fn unavailable(_: BucketError) -> Problem {
    Problem::new(
        ProblemCode::BusUnavailable,
        "the bus is unavailable, so sign-ins and sign-outs fail; open sessions stay valid",
    )
}

#[cfg(test)]
mod tests;
