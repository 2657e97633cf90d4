//! Who is signed in: opaque random tokens, kept hashed in a JetStream bucket and mirrored in memory by every replica. Looking one up
//! costs no call; ending one ends it everywhere. How old a session is, the bucket decides: no clock of this machine is asked.

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::{Context, kv, stream::StorageType};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::problem::{Problem, ProblemCode};
use crate::records::{RecordError, parse_key, parse_value};
use crate::store::{self, MARKERS_LAST, StoreError};
use crate::users::User;

mod cookie;
mod follow;
mod mirror;
mod streams;
mod token;

pub use cookie::SessionCookie;
pub use mirror::Live;
pub use streams::{Stream, StreamPermit, Streams};
pub use token::{SessionKey, Token};

use mirror::Mirror;

const BUCKET: &str = "sessions";

/// How long a session lasts: a working day with its breaks, and never over night.
pub const LASTS: Duration = Duration::from_secs(12 * 60 * 60);

/// How long the bucket may take to acknowledge.
const ACK_WITHIN: Duration = Duration::from_secs(3);

/// More sessions of one user than this are no person's: the oldest one ends.
const PER_USER: usize = 200;

/// A session as it stands in the bucket, under the hash of its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who.
    pub user: String,
    /// Since when, by the clock of whoever made it; shown only.
    pub created_at: Timestamp,
    /// How the user proved to be who it is.
    pub via: Via,
    /// The fingerprint of the password's hash then: another password ends the sessions of the one before.
    pub credential: String,
}

/// How a user signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// With a password.
    Password,
    /// In a way that a newer version knows.
    #[serde(other)]
    Other,
}

/// What the bucket is to be like.
#[derive(Debug, Clone, Copy)]
struct Settings {
    replicas: usize,
    lasts: Duration,
}

impl Settings {
    fn bucket(self) -> kv::Config {
        kv::Config {
            bucket: BUCKET.to_owned(),
            description: "Who is signed in".to_owned(),
            history: 1,
            max_age: self.lasts,
            storage: StorageType::File,
            num_replicas: self.replicas,
            // Without these the server forgets what came of age in silence, and the mirrors would keep it.
            limit_markers: Some(MARKERS_LAST.min(self.lasts)),
            ..kv::Config::default()
        }
    }
}

/// All sessions. Clones share them; the last one stops following the bucket.
#[derive(Debug, Clone)]
pub struct Sessions {
    bucket: kv::Store,
    jetstream: Context,
    lasts: Duration,
    mirror: Arc<Mirror>,
    _following: Arc<DropGuard>,
}

impl Sessions {
    /// Opens the bucket, makes it if there is none (kept by so many servers), and reads all sessions before it returns. From then
    /// on it follows the bucket, also over interruptions.
    ///
    /// # Errors
    /// When JetStream does not answer, or the bucket is there with other settings.
    pub async fn open(jetstream: &Context, replicas: usize) -> Result<Self, StoreError> {
        let lasts = LASTS;
        Self::open_with(jetstream, Settings { replicas, lasts }).await
    }

    /// Reads a record of the bucket.
    pub(crate) fn parse(key: &str, value: &[u8]) -> Result<(SessionKey, Session), RecordError> {
        Ok((parse_key(key, "the hash of a token")?, parse_value(value)?))
    }

    async fn open_with(jetstream: &Context, settings: Settings) -> Result<Self, StoreError> {
        let mirror = Arc::new(Mirror::new(settings.lasts));
        let stop = CancellationToken::new();
        let (bucket, following) =
            follow::begin(jetstream.clone(), settings, Arc::clone(&mirror)).await?;
        tokio::spawn(stop.clone().run_until_cancelled_owned(following));
        Ok(Self {
            bucket,
            jetstream: jetstream.clone(),
            lasts: settings.lasts,
            mirror,
            _following: Arc::new(stop.drop_guard()),
        })
    }

    /// Signs somebody in: the token, which nobody can read afterwards, and how long it is good for.
    ///
    /// # Errors
    /// [`ProblemCode::BusUnavailable`] when the bucket does not take it.
    pub async fn create(&self, user: &User) -> Result<(Token, Duration), Problem> {
        self.make_room(&user.name).await;
        let token = Token::mint()
            .map_err(|_| Problem::new(ProblemCode::Internal, "the system gives no random bytes"))?;
        let session = Session {
            user: user.name.clone(),
            created_at: Timestamp::now(),
            via: Via::Password,
            credential: user.password_hash.fingerprint(),
        };
        let json = serde_json::to_vec(&session)
            .map_err(|_| Problem::new(ProblemCode::Internal, "the session cannot be written"))?;
        let key = token.key();
        let put = self.bucket.put(key.as_str(), json.into());
        let revision = self.acknowledged(put).await?;
        // The mirror would learn of it a moment later, which is too late for whoever calls again at once.
        self.mirror.put(key, revision, session);
        Ok((token, self.lasts))
    }

    /// The session of a token, if it has one.
    #[must_use]
    pub fn find(&self, token: &Token) -> Option<Arc<Live>> {
        self.mirror.find(&token.key())
    }

    /// Ends the session of a token, here and everywhere; whether there was one.
    ///
    /// # Errors
    /// [`ProblemCode::BusUnavailable`] when the bucket does not take it: then the session goes on.
    pub async fn revoke(&self, token: &Token) -> Result<bool, Problem> {
        self.end(&token.key()).await
    }

    async fn end(&self, key: &SessionKey) -> Result<bool, Problem> {
        // Of a token that somebody has made up nothing is written, or strangers could fill the bucket.
        let purged = store::purge(&self.bucket, key.as_str());
        let was_there = self.acknowledged(purged).await?;
        self.mirror.end(key);
        Ok(was_there)
    }

    async fn make_room(&self, user: &str) {
        for key in self.mirror.beyond(user, PER_USER - 1) {
            // Best effort: the limit is there for the memory, and the next sign-in tries again.
            let _ = self.end(&key).await;
        }
    }

    async fn acknowledged<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Problem> {
        let away = || {
            Problem::new(
                ProblemCode::BusUnavailable,
                "the bus is away, so nobody can sign in or out; who is signed in stays so",
            )
        };
        // What is written while the link is down is queued, and done when its caller was told that it failed.
        if self.jetstream.client().connection_state() != State::Connected {
            return Err(away());
        }
        match tokio::time::timeout(ACK_WITHIN, call).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(_)) | Err(_) => Err(away()),
        }
    }
}

#[cfg(test)]
mod tests;
