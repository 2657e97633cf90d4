//! Signs tokens of the bus, in this process or in a separate one (`aggregator sign`) that listens only on a Unix domain socket. Both accept the
//! same few requests, so an attacker who takes over the process that serves HTTP cannot create an administrator or change permissions.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bus_keys::{FleetAccount, Identity, JwtError, Revocations, Token, UserKey};
use bus_schema::ClusterName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

mod keys;
mod server;
mod socket;
mod wire;

pub use keys::SigningKeys;
pub use server::SignerServer;
pub use socket::BindError;

/// Signs what [`SignRequest`] names.
#[derive(Debug, Clone)]
pub struct Signer {
    identity: Arc<Identity>,
    backend: Backend,
}

#[derive(Debug, Clone)]
enum Backend {
    InProcess(Arc<SigningKeys>),
    Socket(PathBuf),
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// Nothing listens on the socket, or the response is late or invalid.
    #[error("the signing process (`aggregator sign`) does not answer")]
    Unavailable(#[source] std::io::Error),
    /// It does not sign this.
    #[error("the signing process refuses: {0}")]
    Refused(String),
    /// The response is not a token of this bus.
    #[error("the response of the signing process is not a token of this bus")]
    InvalidToken(#[from] JwtError),
}

/// Everything that can be signed. Deliberately, no request makes a person, an administrator, an aggregator, or a permission.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum SignRequest {
    /// An agent's token. It expires at `expires_at` or sooner.
    Agent {
        cluster: ClusterName,
        key: UserKey,
        expires_at: Timestamp,
    },
    /// The fleet account's token with these users revoked as well.
    FleetAccount {
        current: String,
        revoked: Revocations,
    },
    /// The system account's token, with these users and those of the fleet account revoked.
    SystemAccount {
        fleet_account: String,
        revoked: Revocations,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SignResponse {
    Token(String),
    /// The current token revokes all of them already.
    Unchanged,
    Refused(String),
}

impl Signer {
    /// Signs in this process.
    #[must_use]
    pub fn in_process(keys: SigningKeys) -> Self {
        Self {
            identity: Arc::new(keys.identity().clone()),
            backend: Backend::InProcess(Arc::new(keys)),
        }
    }

    /// Sends requests to the process that listens on this socket. It may start later.
    #[must_use]
    pub fn on_socket(identity: Identity, socket: &Path) -> Self {
        Self {
            identity: Arc::new(identity),
            backend: Backend::Socket(socket.to_owned()),
        }
    }

    /// The bus that it signs for.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The token with which the holder of this key is an agent of the cluster.
    ///
    /// # Errors
    /// When the signing process does not answer or refuses.
    pub async fn agent(
        &self,
        cluster: &ClusterName,
        key: &UserKey,
        expires_at: Timestamp,
    ) -> Result<Token, SignError> {
        let request = SignRequest::Agent {
            cluster: cluster.clone(),
            key: key.clone(),
            expires_at,
        };
        let token = self.send(request).await?.ok_or_else(nothing_signed)?;
        Ok(Token::parse(&token)?)
    }

    /// The fleet account with these users revoked as well; `None` if they are already.
    ///
    /// # Errors
    /// When the signing process does not answer or refuses.
    pub async fn fleet_account(
        &self,
        current: &FleetAccount,
        revoked: &Revocations,
    ) -> Result<Option<FleetAccount>, SignError> {
        let request = SignRequest::FleetAccount {
            current: current.token().as_str().to_owned(),
            revoked: revoked.clone(),
        };
        match self.send(request).await? {
            Some(token) => Ok(Some(FleetAccount::parse(&token, &self.identity)?)),
            None => Ok(None),
        }
    }

    /// The system account with these users and those of the fleet account revoked.
    ///
    /// # Errors
    /// When the signing process does not answer or refuses.
    pub async fn system_account(
        &self,
        fleet_account: &FleetAccount,
        revoked: &Revocations,
    ) -> Result<Token, SignError> {
        let request = SignRequest::SystemAccount {
            fleet_account: fleet_account.token().as_str().to_owned(),
            revoked: revoked.clone(),
        };
        let token = self.send(request).await?.ok_or_else(nothing_signed)?;
        Ok(Token::parse(&token)?)
    }

    async fn send(&self, request: SignRequest) -> Result<Option<String>, SignError> {
        let response = match &self.backend {
            Backend::InProcess(keys) => keys.respond(request, Timestamp::now()),
            Backend::Socket(path) => wire::call(path, &request)
                .await
                .map_err(SignError::Unavailable)?,
        };
        match response {
            SignResponse::Token(token) => Ok(Some(token)),
            SignResponse::Unchanged => Ok(None),
            SignResponse::Refused(reason) => Err(SignError::Refused(reason)),
        }
    }
}

fn nothing_signed() -> SignError {
    SignError::Refused("it has nothing to sign".to_owned())
}
