//! Renewal of an agent's credential before it expires: the agent requests it, the aggregator sends a new token for the same key.

use serde::{Deserialize, Serialize};

use crate::InstanceId;

/// Published on `agent.<name>.renewal`. Answered on `cluster.<name>.credential.<instance>` with a [`CredentialRenewal`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewCredential {
    /// The requesting process.
    pub instance: InstanceId,
    /// The public key of its credential: `U` and 55 letters and digits. The new token is useless without the private key.
    pub public_key: String,
}

impl RenewCredential {
    /// The maximum size of the message.
    pub const MAX_BYTES: usize = 1024;
}

/// The result of a [`RenewCredential`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CredentialRenewal {
    /// The credential has been renewed.
    Renewed {
        /// The token (NATS's JWT) with which the agent connects from now on.
        token: String,
    },
    /// It has not been renewed.
    Refused {
        /// Why not and what to do, as a human-readable message.
        message: String,
    },
    /// An outcome that this version does not know.
    #[serde(other)]
    Other,
}
