//! How an agent's credential is renewed before its end: a question one way, a new token for the same key the other.

use serde::{Deserialize, Serialize};

use crate::InstanceId;

/// Published on `agent.<name>.renewal`. Answered on `cluster.<name>.credential.<instance>` with a [`CredentialRenewal`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewCredential {
    /// The process that asks.
    pub instance: InstanceId,
    /// The public key of its credential: `U` and 55 letters and digits. The new token is of no use without the private one.
    pub public_key: String,
}

impl RenewCredential {
    /// The most that it takes on the bus.
    pub const MAX_BYTES: usize = 1024;
}

/// What became of a [`RenewCredential`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CredentialRenewal {
    /// The credential has a new end.
    Renewed {
        /// The token (NATS's JWT) with which the agent connects from now on.
        token: String,
    },
    /// It has not.
    Refused {
        /// Why not and what to do, for people.
        message: String,
    },
    /// An outcome that this version does not know.
    #[serde(other)]
    Other,
}
