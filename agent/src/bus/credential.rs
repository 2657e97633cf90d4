//! The agent's credential for the bus: read again at each connection, so that it can be replaced without a restart; and the explanation
//! when the bus rejects it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_nats::{Auth, AuthError, ClientError, Event, ServerError};
use bus_keys::{Credentials, CredentialsError};
use bus_schema::ClusterName;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::fs;

/// The files of the credential, and the cluster that it must be for. Clones share the renewed token.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The token and private key, or only the token.
    file: PathBuf,
    /// The private key, if the file contains only the token.
    seed: Option<PathBuf>,
    cluster: ClusterName,
    /// The file from which a newer token for the same key is read.
    renewed: PathBuf,
    /// The newest token that this process has received.
    newest: Arc<Mutex<Option<String>>>,
}

/// A credential that the bus would reject, detected before connecting.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{} is not a valid credential: {source}", path.display())]
    Unusable {
        path: PathBuf,
        source: CredentialsError,
    },
    #[error(
        "{} is the credential of {named}, but this agent serves {cluster}: give it a credential for {cluster}", path.display()
    )]
    OtherCluster {
        path: PathBuf,
        named: String,
        cluster: ClusterName,
    },
    #[error("{} expired at {at}", path.display())]
    Expired { path: PathBuf, at: Timestamp },
    #[error("the new token cannot be used: {0}")]
    NotRenewed(#[from] CredentialsError),
    #[error("the new token expires at {0}, no later than the current one")]
    NotLater(Timestamp),
}

impl Credential {
    /// The credential in these files; a newer token for its key is read from `renewed`.
    pub fn new(
        (file, seed): (PathBuf, Option<PathBuf>),
        cluster: ClusterName,
        renewed: PathBuf,
    ) -> Self {
        Self {
            file,
            seed,
            cluster,
            renewed,
            newest: Arc::default(),
        }
    }

    /// Uses a newer token from now on: each connection presents it at its next reconnect.
    pub async fn renew(&self, token: &str) -> Result<Credentials, CredentialError> {
        let before = self.read().await?;
        let renewed = before.renewed(token)?;
        match renewed.expires_at() {
            Some(at) if end(&renewed) <= end(&before) => Err(CredentialError::NotLater(at)),
            _ => {
                let token = renewed.token().as_str().to_owned();
                *self.newest.lock() = Some(token);
                Ok(renewed)
            }
        }
    }

    /// Reads the credential, with the token that is valid for longest.
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
        let credentials = self.with_newest_token(credentials).await;
        match credentials.expires_at() {
            Some(at) if at <= Timestamp::now() => {
                Err(CredentialError::Expired { path: path(), at })
            }
            _ => Ok(credentials),
        }
    }

    async fn with_newest_token(&self, credentials: Credentials) -> Credentials {
        // The file does not exist before the first renewal.
        let stored = fs::read_to_string(&self.renewed).await.ok();
        let newest = self.newest.lock();
        let tokens = [stored.as_deref(), newest.as_deref()].into_iter().flatten();
        // The token is for another key if the credential's file was replaced; then it is useless.
        let renewed = tokens.filter_map(|token| credentials.renewed(token).ok());
        let latest = renewed.max_by_key(end);
        match latest {
            Some(latest) if end(&latest) > end(&credentials) => latest,
            _ => credentials,
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

    /// The likely reason for the rejection, as far as the agent can tell, and the remedy.
    async fn verdict(&self, said: &Said) -> String {
        let cluster = &self.cluster;
        let remedy = format!(
            "make a new one with `aggregator enroll {cluster}` and write it to {}",
            self.file.display()
        );
        match (self.read().await, said) {
            (Err(error), _) => format!("{error}; {remedy}"),
            (Ok(one), Said::Revoked) => format!(
                "its credential {} was revoked; if that was a mistake, {remedy}",
                one.user()
            ),
            (Ok(one), Said::Expired) => {
                format!("its credential {} has expired; {remedy}", one.user())
            }
            (Ok(one), Said::No) => format!(
                "its credential {} was revoked, or belongs to another bus (its account is {}); {remedy}",
                one.user(),
                one.account()
            ),
        }
    }
}

fn end(credentials: &Credentials) -> Timestamp {
    credentials.expires_at().unwrap_or(Timestamp::MAX)
}

async fn read(path: &Path) -> Result<String, CredentialError> {
    let bytes = fs::read(path).await;
    let text = bytes.and_then(|bytes| Ok(text_input::decode(&bytes)?.to_owned()));
    text.map_err(|source| CredentialError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

/// The server's reason for a rejection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Revoked,
    Expired,
    /// Nothing more specific: the server does not tell unauthenticated clients why.
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
            // The kinds of errors with which a connection attempt can fail.
            Event::ClientError(ClientError::Other(kind)) => {
                let refused = kind == "authorization violation" || kind == "failed signing nonce";
                refused.then_some(Self::No)
            }
            _ => None,
        }
    }
}

/// A rejection is logged once, and again after this many: attempts continue, half a minute apart.
const LOG_EVERY: u32 = 60;

/// The rejections since the bus last accepted the agent.
#[derive(Debug, Default)]
pub struct Refusals {
    count: Mutex<u32>,
}

impl Refusals {
    /// Records an event; returns whether it was a rejection.
    pub async fn note(&self, event: &Event, credential: Option<&Credential>) -> bool {
        let Some(said) = Said::in_event(event) else {
            if matches!(event, Event::Connected) {
                *self.count.lock() = 0;
            }
            return false;
        };
        if said == Said::Expired
            && let Some(credential) = credential
            && credential.read().await.is_ok()
        {
            tracing::info!("the connection's token has expired; reconnecting with the renewed one");
            return true;
        }
        let number = {
            let mut count = self.count.lock();
            *count += 1;
            *count - 1
        };
        if number.is_multiple_of(LOG_EVERY) {
            let why = match credential {
                Some(credential) => credential.verdict(&said).await,
                None => "it has no credential; set one with --nats-creds".to_owned(),
            };
            tracing::error!("the bus refuses this agent: {why}");
        } else {
            tracing::debug!(%event, "still refused");
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use bus_keys::{AggregatorKeys, Role, ServerSettings, init};
    use jiff::SignedDuration;
    use tempfile::TempDir;

    use super::*;

    fn credential(dir: &TempDir) -> (Credential, AggregatorKeys) {
        let settings = ServerSettings {
            listen: ([127, 0, 0, 1], 4222).into(),
            store: dir.path().join("store"),
            tls: None,
            websocket: None,
            members: vec![],
        };
        init(dir.path(), &settings, Timestamp::now()).unwrap();
        let keys = AggregatorKeys::open(&dir.path().join(Role::Aggregator.dir())).unwrap();
        let cluster: ClusterName = "cluster-a".parse().unwrap();
        let (_, text) = keys.agent_credentials(&cluster, for_hours(1));
        let file = dir.path().join("agent.creds");
        std::fs::write(&file, text.expose()).unwrap();
        let renewed = dir.path().join("renewed");
        (Credential::new((file, None), cluster, renewed), keys)
    }

    fn for_hours(hours: i64) -> (Timestamp, Timestamp) {
        let now = Timestamp::now();
        (now, now + SignedDuration::from_hours(hours))
    }

    #[tokio::test]
    async fn of_several_tokens_the_one_that_is_valid_for_longest_is_used() {
        let dir = TempDir::new().unwrap();
        let (credential, keys) = credential(&dir);
        let key = credential.read().await.unwrap().user();
        let token = |hours| keys.agent(&credential.cluster, &key, for_hours(hours));
        let (two, three) = (token(2), token(3));
        credential.renew(two.as_str()).await.unwrap();
        assert_eq!(*credential.read().await.unwrap().token(), two);
        let earlier = credential.renew(token(1).as_str()).await.unwrap_err();
        assert!(matches!(earlier, CredentialError::NotLater(_)), "{earlier}");
        // A token that another agent of the cluster received, read after a start.
        std::fs::write(&credential.renewed, format!("{}\n", three.as_str())).unwrap();
        assert_eq!(*credential.read().await.unwrap().token(), three);
    }

    #[tokio::test]
    async fn a_file_from_windows_is_read_or_refused_by_what_is_in_it() {
        let dir = TempDir::new().unwrap();
        let (credential, _) = credential(&dir);
        let text = std::fs::read_to_string(&credential.file).unwrap();
        let user = credential.read().await.unwrap().user();
        let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        std::fs::write(&credential.file, windows).unwrap();
        assert_eq!(credential.read().await.unwrap().user(), user);

        let utf16 = text.encode_utf16().flat_map(u16::to_le_bytes);
        for (bytes, expected) in [
            (utf16.collect::<Vec<u8>>(), "it is UTF-16"),
            (
                text.replace("eyJ", "\u{200b}eyJ").into_bytes(),
                "U+200B (zero width space)",
            ),
        ] {
            std::fs::write(&credential.file, bytes).unwrap();
            let refused = credential.read().await.unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_token_for_another_key_or_from_another_issuer_is_rejected() {
        let dir = TempDir::new().unwrap();
        let (credential, keys) = credential(&dir);
        let before = credential.read().await.unwrap();
        let other_cluster = "cluster-b".parse().unwrap();
        let other_key = (&bus_keys::Key::generate(bus_keys::Kind::User)).into();
        for foreign in [
            keys.agent(&other_cluster, &before.user(), for_hours(9)),
            keys.agent(&credential.cluster, &other_key, for_hours(9)),
        ] {
            let refused = credential.renew(foreign.as_str()).await.unwrap_err();
            assert!(
                matches!(refused, CredentialError::NotRenewed(_)),
                "{refused}"
            );
            std::fs::write(&credential.renewed, foreign.as_str()).unwrap();
            assert_eq!(credential.read().await.unwrap().token(), before.token());
        }
        // The operator has replaced the credential's file: the renewed token belongs to the previous credential.
        let (_, text) = keys.agent_credentials(&credential.cluster, for_hours(1));
        std::fs::write(&credential.file, text.expose()).unwrap();
        assert_ne!(credential.read().await.unwrap().user(), before.user());
    }
}
