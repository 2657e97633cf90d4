//! Requests made under an idempotency key, in the KV bucket `idempotency`, with the responses of those that ended. A retried request gets
//! the stored response and changes nothing (see draft-ietf-httpapi-idempotency-key-header).

use std::str::FromStr;

use async_nats::jetstream::Context;
use bus_keys::streams::{BucketSpec, IDEMPOTENCY};
use bus_schema::OperationId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::change_limit::ChangeLimit;
use diagnostics::{Problem, ProblemCode};
use storage::{Bucket, BucketError, Record, RecordKey, StoreError};

/// A request that has no response after this time was interrupted: every call is answered sooner.
const INTERRUPTED_AFTER: SignedDuration = SignedDuration::from_secs(90);

/// Attempts to claim a key that others claim and release at the same time.
const TRIES: usize = 3;

/// Requests by their idempotency keys.
#[derive(Debug)]
pub struct IdempotencyKeys {
    bucket: Bucket<IdempotentRequest>,
    /// A claim is written before anything else is checked: without a limit any user could fill the bucket.
    claims: ChangeLimit,
}

/// A request made under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotentRequest {
    /// The SHA-256 of the request, in hexadecimal digits.
    pub fingerprint: String,
    /// The id of the operation that it makes: a retry after an interruption uses the same, so that it is carried out once.
    pub operation_id: OperationId,
    /// The response, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<StoredResponse>,
}

/// The response to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredResponse {
    /// The HTTP status.
    pub status: u16,
    /// The body, JSON; absent when it is a secret or too large to store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// The SHA-256 of a user and an idempotency key, in hexadecimal digits: users cannot meet each other's requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestKey(String);

/// A text that is no [`RequestKey`].
#[derive(Debug, thiserror::Error)]
#[error("not a SHA-256: 64 hexadecimal digits")]
pub struct NotARequestKey;

/// A request that may be carried out now, by its holder alone.
#[derive(Debug)]
pub struct ClaimedRequest {
    key: RequestKey,
    request: IdempotentRequest,
    revision: u64,
}

/// What a request under an idempotency key has come to.
#[derive(Debug)]
pub enum Claim {
    /// It is carried out now.
    New(ClaimedRequest),
    /// It was carried out, with this response.
    Completed(OperationId, StoredResponse),
    /// It is being carried out.
    InFlight(OperationId),
    /// The key belongs to another request.
    Reused,
}

impl IdempotencyKeys {
    /// Opens the bucket.
    ///
    /// # Errors
    /// When JetStream is unavailable, or the bucket exists with other settings.
    pub async fn open(jetstream: &Context, replicas: usize) -> Result<Self, StoreError> {
        Ok(Self {
            bucket: Bucket::open(jetstream, replicas).await?,
            claims: ChangeLimit::default(),
        })
    }

    /// Claims a request of a user, unless it was made before. `operation_id`: the id of its operation if it is new; `now`: the bus's time.
    ///
    /// # Errors
    /// [`ProblemCode::BusUnavailable`], or [`ProblemCode::RateLimited`]: then it must not be carried out.
    pub async fn claim(
        &self,
        (user, idempotency_key): (&str, &str),
        fingerprint: String,
        operation_id: OperationId,
        now: Timestamp,
    ) -> Result<Claim, Problem> {
        self.claims.count(user)?;
        let key = RequestKey::new(user, idempotency_key);
        let request = IdempotentRequest {
            fingerprint,
            operation_id,
            response: None,
        };
        for _ in 0..TRIES {
            match self.bucket.create(&key, &request).await {
                Ok(revision) => {
                    return Ok(Claim::New(ClaimedRequest {
                        key,
                        request,
                        revision,
                    }));
                }
                Err(BucketError::Conflict { .. }) => {}
                Err(error) => return Err(unavailable(&error)),
            }
            let last = self.bucket.get_latest(&key).await;
            let last = last.map_err(|error| unavailable(&error))?;
            let earlier = match last.record {
                Ok(Some(earlier)) => earlier,
                // Released in between.
                Ok(None) => continue,
                // A damaged record: what it was for is not known.
                Err(_) => return Ok(Claim::Reused),
            };
            if earlier.fingerprint != request.fingerprint {
                return Ok(Claim::Reused);
            }
            if let Some(response) = earlier.response {
                return Ok(Claim::Completed(earlier.operation_id, response));
            }
            if now.duration_since(last.created_at) < INTERRUPTED_AFTER {
                return Ok(Claim::InFlight(earlier.operation_id));
            }
            match self.bucket.update(&key, &earlier, last.revision).await {
                Ok(revision) => {
                    return Ok(Claim::New(ClaimedRequest {
                        key,
                        request: earlier,
                        revision,
                    }));
                }
                // Another replica took it over.
                Err(BucketError::Conflict { .. }) => {}
                Err(error) => return Err(unavailable(&error)),
            }
        }
        Err(Problem::new(
            ProblemCode::IdempotencyKeyInFlight,
            "other requests with this idempotency key are being made; send it again",
        ))
    }

    /// Stores the response, which is the response to each repetition from now on.
    pub async fn complete(&self, claimed: ClaimedRequest, response: StoredResponse) {
        let ClaimedRequest {
            key,
            mut request,
            revision,
        } = claimed;
        request.response = Some(response);
        if let Err(error) = self.bucket.update(&key, &request, revision).await {
            tracing::warn!(%error, operation = %request.operation_id, "the response of an idempotent request was not stored");
        }
    }

    /// Releases a request that changed nothing: it may be sent again.
    pub async fn release(&self, claimed: ClaimedRequest) {
        if let Err(error) = self.bucket.delete(&claimed.key, claimed.revision).await {
            tracing::warn!(%error, "an idempotency key was not released; it can be used again in 90 s");
        }
    }
}

impl ClaimedRequest {
    /// The id that its operation has to have.
    #[must_use]
    pub fn operation_id(&self) -> &OperationId {
        &self.request.operation_id
    }
}

impl RequestKey {
    /// The key of a user's request.
    fn new(user: &str, idempotency_key: &str) -> Self {
        Self(sha256(&[user.as_bytes(), idempotency_key.as_bytes()]))
    }
}

/// The SHA-256 of parts, in hexadecimal digits. Each part is preceded by its length: `ab`, `c` is not `a`, `bc`.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unavailable(error: &BucketError) -> Problem {
    tracing::warn!(%error, "an idempotency key cannot be looked up");
    Problem::new(
        ProblemCode::BusUnavailable,
        "the idempotency key cannot be looked up, so nothing was done",
    )
}

impl FromStr for RequestKey {
    type Err = NotARequestKey;

    fn from_str(text: &str) -> Result<Self, NotARequestKey> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_one = text.len() == 64 && text.bytes().all(is_digit);
        is_one.then(|| Self(text.to_owned())).ok_or(NotARequestKey)
    }
}

impl RecordKey for RequestKey {
    fn as_str(&self) -> &str {
        &self.0
    }
}

impl Record for IdempotentRequest {
    const BUCKET: BucketSpec = IDEMPOTENCY;
    type Key = RequestKey;
    const KEY: &'static str = "the SHA-256 of a user and an idempotency key";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_two_users_differ_and_are_read_back() {
        let key = RequestKey::new("ana", "1");
        assert_ne!(key, RequestKey::new("ben", "1"));
        assert_ne!(RequestKey::new("an", "a1"), key);
        assert_eq!(key.as_str().parse::<RequestKey>().unwrap(), key);
        assert!("ana".parse::<RequestKey>().is_err());
    }
}
