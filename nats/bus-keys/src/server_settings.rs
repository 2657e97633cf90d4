//! Where a bus's nats-servers run and listen.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::routes::Member;

/// Where the nats-server will run.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// The address it listens on.
    pub listen: SocketAddr,
    /// Its data: JetStream's store and the tokens of the accounts.
    pub store: PathBuf,
    /// Certificate and private key, for TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The address for WebSocket, with the same certificate. Port 0 picks a free one.
    pub websocket: Option<SocketAddr>,
    /// The servers of a cluster; none for a single server.
    pub members: Vec<Member>,
}

/// Settings that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ServerSettingsError {
    /// Two servers have no quorum when one of them is down.
    #[error("--server: {0} servers cannot form a cluster; give none, three or five, each once")]
    TooFew(usize),
    /// Two servers of one name or address.
    #[error("--server: {0} is given twice")]
    Twice(String),
    /// WebSocket without TLS.
    #[error(
        "--websocket: {0} is not a loopback address, which requires TLS; give --tls-cert and --tls-key"
    )]
    Clear(SocketAddr),
}

impl ServerSettings {
    /// Validates the settings.
    ///
    /// # Errors
    /// See [`ServerSettingsError`].
    pub fn check(&self) -> Result<(), ServerSettingsError> {
        if (1..3).contains(&self.members.len()) {
            return Err(ServerSettingsError::TooFew(self.members.len()));
        }
        let mut seen = std::collections::HashSet::new();
        for member in &self.members {
            for text in [member.name.to_string(), member.to_string()] {
                if !seen.insert(text.clone()) {
                    return Err(ServerSettingsError::Twice(text));
                }
            }
        }
        match self.websocket {
            Some(open) if self.tls.is_none() && !open.ip().is_loopback() => {
                Err(ServerSettingsError::Clear(open))
            }
            _ => Ok(()),
        }
    }
}
