//! How a connection comes to be and comes back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Auth, AuthError, ConnectOptions, Event};
use bus_keys::{Credentials, CredentialsError};
use bus_link::{LameDuckHandler, Servers, is_told_elsewhere};
use tokio::sync::Notify;
use tracing::{debug, info, warn};

use super::Bus;
use super::replies::Replies;

/// The connection cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The credentials cannot be read.
    #[error("the credentials cannot be read from {path}")]
    CredentialsUnreadable {
        /// The file.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file has no credentials.
    #[error("{path} is no credential")]
    CredentialsUnusable {
        /// The file.
        path: String,
        /// Why not.
        #[source]
        source: CredentialsError,
    },
    /// The first connection failed.
    #[error("no connection to {url}")]
    NotConnected {
        /// Where to.
        url: String,
        /// Why not.
        #[source]
        source: async_nats::ConnectError,
    },
}

impl Bus {
    /// Connects, and goes on trying when the server is not there yet.
    ///
    /// # Errors
    /// When the credentials cannot be read or the address is none.
    pub async fn connect(
        servers: &Servers,
        credentials: Option<&Path>,
    ) -> Result<Self, ConnectError> {
        Self::connect_as("aggregator", servers, credentials).await
    }

    /// The same under another name in the server's lists.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_as(
        name: &str,
        servers: &Servers,
        credentials: Option<&Path>,
    ) -> Result<Self, ConnectError> {
        let options = match credentials {
            None => ConnectOptions::new(),
            Some(path) => {
                read(path).await?;
                let path = path.to_owned();
                ConnectOptions::with_auth_callback(move |nonce| answer(path.clone(), nonce))
            }
        };
        let leaving = Arc::new(Notify::new());
        let told = Arc::clone(&leaving);
        let connecting = servers
            .apply(options)
            .name(name)
            .custom_inbox_prefix("_INBOX_aggregator")
            .ping_interval(Duration::from_secs(10))
            .retry_on_initial_connect()
            .reconnect_delay_callback(reconnect_delay)
            .event_callback(move |event| {
                note(&event, &told);
                async {}
            })
            .connect(servers.addresses());
        // On the heap, as in `storage`: it is large.
        let client = Box::pin(connecting).await;
        let client = client.map_err(|source| ConnectError::NotConnected {
            url: servers.text().to_owned(),
            source,
        })?;
        let lame_duck = Arc::new(LameDuckHandler::spawn(leaving, client.clone()));
        Ok(Self {
            client,
            replies: Replies::new(),
            _lame_duck: lame_duck,
        })
    }
}

async fn read(path: &Path) -> Result<Credentials, ConnectError> {
    let shown = || path.display().to_string();
    let text = tokio::fs::read_to_string(path).await;
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

/// Full jitter up to 30 s; the callback also delays the very first attempt, which is to be at once.
fn reconnect_delay(attempts: usize) -> Duration {
    if attempts <= 1 {
        return Duration::ZERO;
    }
    let doublings = u32::try_from(attempts.min(10)).unwrap_or(10);
    let cap = Duration::from_millis(50 * 2_u64.pow(doublings)).min(Duration::from_secs(30));
    cap.mul_f64(rand::random::<f64>())
}

fn note(event: &Event, leaving: &Notify) {
    match event {
        // One for each message that is dropped; who floods is told by the fleet.
        Event::SlowConsumer(_) => debug!(%event, "the bus"),
        event if is_told_elsewhere(event) => debug!(%event, "the bus"),
        Event::Connected => info!("connected to the bus"),
        Event::LameDuckMode => {
            info!("the bus server is about to stop");
            leaving.notify_one();
        }
        other => warn!(event = %other, "the bus"),
    }
}
