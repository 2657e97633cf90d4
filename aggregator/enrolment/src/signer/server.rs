//! `aggregator sign`: serves requests on the socket. It has no connection to the bus.

use std::io::{ErrorKind, Result};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{info, warn};

use super::wire::{read_line, write_line};
use super::{BindError, SignResponse, SigningKeys, socket};

/// Connections that are served at the same time; others wait.
const CONNECTIONS: usize = 8;

/// How long reading a request may take, and how long writing the response.
const TRANSFER_WITHIN: Duration = Duration::from_secs(5);

const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Signs for every process that can open the socket.
#[derive(Debug)]
pub struct SignerServer {
    keys: Arc<SigningKeys>,
    listener: UnixListener,
}

impl SignerServer {
    /// Listens on a socket that this user and its group can open.
    ///
    /// # Errors
    /// When another process listens there, or the socket cannot be created.
    pub fn bind(keys: SigningKeys, path: &Path) -> std::result::Result<Self, BindError> {
        let listener = socket::bind(path)?;
        info!(socket = %path.display(), "signing");
        let keys = Arc::new(keys);
        Ok(Self { keys, listener })
    }

    /// Serves requests until it is dropped.
    pub async fn run(self) {
        let permits = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let permit = Arc::clone(&permits).acquire_owned().await;
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "connection not accepted");
                    tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
                    continue;
                }
            };
            let keys = Arc::clone(&self.keys);
            tokio::spawn(async move {
                if let Err(error) = answer(stream, &keys).await {
                    warn!(%error, "request not answered");
                }
                drop(permit);
            });
        }
    }
}

async fn answer(mut stream: UnixStream, keys: &SigningKeys) -> Result<()> {
    let response = match timeout(TRANSFER_WITHIN, read_line(&mut stream)).await? {
        Ok(Some(line)) => respond(keys, &line),
        // A health check.
        Ok(None) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            SignResponse::Refused(error.to_string())
        }
        Err(error) => return Err(error),
    };
    if let SignResponse::Refused(reason) = &response {
        warn!(%reason, "refused to sign");
    }
    timeout(TRANSFER_WITHIN, write_line(&mut stream, &response)).await?
}

fn respond(keys: &SigningKeys, line: &[u8]) -> SignResponse {
    match serde_json::from_slice(line) {
        Ok(request) => keys.respond(request, Timestamp::now()),
        Err(error) => SignResponse::Refused(format!("not a valid signing request: {error}")),
    }
}
