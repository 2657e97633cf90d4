//! The credential with which a principal was authenticated: its id and its lifetime, without the secret.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Identifies a credential by its kind and its id within that kind. It is not a secret, and no secret can be derived from it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CredentialId(String);

impl CredentialId {
    /// The credential with this id, of a kind such as `session`.
    #[must_use]
    pub fn new(kind: &'static str, id: &str) -> Self {
        Self(format!("{kind}:{id}"))
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The lifetime of a credential: it expires by the monotonic clock, or is revoked before. Clones share it.
#[derive(Debug, Clone)]
pub struct CredentialLifetime {
    expires: Instant,
    revoked: CancellationToken,
}

impl CredentialLifetime {
    /// Valid for this long from now on.
    #[must_use]
    pub fn starting_now(lasts: Duration) -> Self {
        Self {
            expires: Instant::now() + lasts,
            revoked: CancellationToken::new(),
        }
    }

    /// Revokes it now.
    pub fn revoke(&self) {
        self.revoked.cancel();
    }

    /// Whether it has been revoked or has expired.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.revoked.is_cancelled() || self.expires <= Instant::now()
    }

    /// Resolves once it is over.
    pub async fn ended(&self) {
        tokio::select! {
            () = self.revoked.cancelled() => {}
            () = tokio::time::sleep_until(self.expires) => {}
        }
    }
}
