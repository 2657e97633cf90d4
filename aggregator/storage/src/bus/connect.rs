//! How a connection is made and authenticated.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Auth, AuthError, ConnectOptions, Event};
use bus_keys::{Credentials, CredentialsError};
use bus_link::{Observed, Servers};
use tracing::debug;

use super::Bus;
use super::replies::Replies;

/// The connection cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The credentials cannot be read.
    #[error("cannot read the credentials from {path}")]
    CredentialsUnreadable {
        /// The file.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file does not contain valid credentials.
    #[error("{path} is not a valid credential")]
    CredentialsUnusable {
        /// The file.
        path: String,
        /// Why not.
        #[source]
        source: CredentialsError,
    },
    /// The first connection failed.
    #[error("cannot connect to {url}")]
    NotConnected {
        /// The address.
        url: String,
        /// Why not.
        #[source]
        source: async_nats::ConnectError,
    },
}

impl Bus {
    /// Connects, and retries while the server is unavailable.
    ///
    /// # Errors
    /// When the credentials cannot be read or the address is not valid.
    pub async fn connect(
        servers: &Servers,
        credentials: Option<&Path>,
    ) -> Result<Self, ConnectError> {
        Self::connect_as("aggregator", servers, credentials).await
    }

    /// The same with another name for the connection.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_as(
        name: &str,
        servers: &Servers,
        credentials: Option<&Path>,
    ) -> Result<Self, ConnectError> {
        let (options, account) = match credentials {
            None => (ConnectOptions::new(), None),
            Some(path) => {
                let account = read(path).await?.account().into();
                let path = path.to_owned();
                let answer = move |nonce| answer(path.clone(), nonce);
                (ConnectOptions::with_auth_callback(answer), Some(account))
            }
        };
        let options = options.name(name).custom_inbox_prefix("_INBOX_aggregator");
        let observe = |event| std::future::ready(observe(&event));
        let connected = bus_link::connect(servers, options, || Duration::ZERO, observe).await;
        let (client, lame_duck) = connected.map_err(|source| ConnectError::NotConnected {
            url: servers.text().to_owned(),
            source,
        })?;
        Ok(Self {
            client,
            account,
            replies: Replies::new(),
            _lame_duck: Arc::new(lame_duck),
        })
    }
}

async fn read(path: &Path) -> Result<Credentials, ConnectError> {
    let shown = || path.display().to_string();
    let bytes = tokio::fs::read(path).await;
    let text = bytes.and_then(|bytes| Ok(text_input::decode(&bytes)?.to_owned()));
    let text = text.map_err(|source| ConnectError::CredentialsUnreadable {
        path: shown(),
        source,
    })?;
    Credentials::parse(&text, None).map_err(|source| ConnectError::CredentialsUnusable {
        path: shown(),
        source,
    })
}

/// Answers the server's challenge. The file is read for each connection, so that new credentials need no restart.
async fn answer(path: PathBuf, nonce: Vec<u8>) -> Result<Auth, AuthError> {
    let credentials = read(&path).await.map_err(AuthError::new)?;
    let mut auth = Auth::new();
    auth.jwt = Some(credentials.token().as_str().to_owned());
    auth.signature = Some(credentials.sign(&nonce));
    Ok(auth)
}

/// Sent for each dropped message: a cluster that floods the bus is logged where its messages are counted.
fn observe(event: &Event) -> Observed {
    match event {
        Event::SlowConsumer(_) => {
            debug!(%event, "bus");
            Observed::Logged
        }
        _ => Observed::Unlogged,
    }
}
