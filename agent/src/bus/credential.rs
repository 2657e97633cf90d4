//! As whom the agent goes to the bus: read again at each connection, so that a new credential is put in place without a restart; and
//! what to say when the bus refuses it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;

use async_nats::{Auth, AuthError, ClientError, Event, ServerError};
use bus_keys::{Credentials, CredentialsError};
use bus_schema::ClusterName;
use jiff::Timestamp;
use tokio::fs;

/// Where the credential lies, and whose it must be.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Token and private key, or the token alone.
    pub file: PathBuf,
    /// The private key, where the file has the token alone.
    pub seed: Option<PathBuf>,
    pub cluster: ClusterName,
}

/// A credential that the bus would not take, found out before it is asked.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{} is no credential: {source}", path.display())]
    Unusable {
        path: PathBuf,
        source: CredentialsError,
    },
    #[error(
        "{} is the credential of {named}, and this is the agent of {cluster}: give it its own", path.display()
    )]
    OtherCluster {
        path: PathBuf,
        named: String,
        cluster: ClusterName,
    },
    #[error("{} expired at {at}", path.display())]
    Expired { path: PathBuf, at: Timestamp },
}

impl Credential {
    /// Reads it.
    pub async fn read(&self) -> Result<Credentials, CredentialError> {
        let text = read(&self.file).await?;
        let seed = match &self.seed {
            Some(path) => Some(read(path).await?),
            None => None,
        };
        let path = || self.file.clone();
        let credentials = Credentials::parse(&text, seed.as_deref()).map_err(|source| {
            CredentialError::Unusable {
                path: path(),
                source,
            }
        })?;
        if !credentials.are_for(&self.cluster) {
            return Err(CredentialError::OtherCluster {
                path: path(),
                named: credentials.name().to_owned(),
                cluster: self.cluster.clone(),
            });
        }
        match credentials.expires_at() {
            Some(at) if at <= Timestamp::now() => {
                Err(CredentialError::Expired { path: path(), at })
            }
            _ => Ok(credentials),
        }
    }

    /// Answers the server's challenge.
    pub async fn answer(&self, nonce: &[u8]) -> Result<Auth, AuthError> {
        let credentials = self.read().await.map_err(AuthError::new)?;
        let mut auth = Auth::new();
        auth.jwt = Some(credentials.token().as_str().to_owned());
        auth.signature = Some(credentials.sign(nonce));
        Ok(auth)
    }

    /// What is wrong, as well as it can be told from here, and what to do.
    async fn verdict(&self, said: &Said) -> String {
        let cluster = &self.cluster;
        let remedy = format!(
            "have a new one made with `aggregator enroll {cluster}` and put it in {}",
            self.file.display()
        );
        match (self.read().await, said) {
            (Err(error), _) => format!("{error}; {remedy}"),
            (Ok(one), Said::Revoked) => format!(
                "its credential {} was revoked; if that was not meant, {remedy}",
                one.user()
            ),
            (Ok(one), Said::Expired) => {
                format!("its credential {} has expired; {remedy}", one.user())
            }
            (Ok(one), Said::No) => format!(
                "its credential {} was revoked, or is of another bus (it is for the account {}); {remedy}",
                one.user(),
                one.account()
            ),
        }
    }
}

async fn read(path: &Path) -> Result<String, CredentialError> {
    let text = fs::read_to_string(path).await;
    text.map_err(|source| CredentialError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

/// What the server says when it refuses somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Revoked,
    Expired,
    /// No more than that: a stranger is not told why.
    No,
}

impl Said {
    fn in_event(event: &Event) -> Option<Self> {
        match event {
            Event::ServerError(ServerError::AuthorizationViolation) => Some(Self::No),
            Event::ServerError(ServerError::Other(text)) => {
                let text = text.to_lowercase();
                if text.contains("authentication revoked") {
                    Some(Self::Revoked)
                } else {
                    text.contains("authentication expired")
                        .then_some(Self::Expired)
                }
            }
            // The kinds of error with which an attempt to connect can end.
            Event::ClientError(ClientError::Other(kind)) => {
                let refused = kind == "authorization violation" || kind == "failed signing nonce";
                refused.then_some(Self::No)
            }
            _ => None,
        }
    }
}

/// Refusals are told once, and again after this many: the attempts go on, half a minute apart.
const TOLD_EVERY: u32 = 60;

/// The refusals since the bus last let the agent in.
#[derive(Debug, Default)]
pub struct Refusals {
    count: Mutex<u32>,
}

impl Refusals {
    /// Takes in an event; whether it was one of these.
    pub async fn note(&self, event: &Event, credential: Option<&Credential>) -> bool {
        let Some(said) = Said::in_event(event) else {
            if matches!(event, Event::Connected) {
                *self.count.lock().unwrap_or_else(PoisonError::into_inner) = 0;
            }
            return false;
        };
        let number = {
            let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
            *count += 1;
            *count - 1
        };
        if number.is_multiple_of(TOLD_EVERY) {
            let why = match credential {
                Some(credential) => credential.verdict(&said).await,
                None => "it has no credential; give it one with --nats-creds".to_owned(),
            };
            tracing::error!("the bus refuses this agent: {why}");
        } else {
            tracing::debug!(%event, "still refused");
        }
        true
    }
}
