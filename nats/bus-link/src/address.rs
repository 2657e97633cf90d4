//! The flags that say where the bus is.

use std::path::PathBuf;

use crate::servers::{Servers, ServersError};

/// The addresses of the nats-servers, and the CA that authenticates them.
#[derive(Debug, Clone, clap::Args)]
pub struct BusAddress {
    /// The address of the bus: `tls://HOST:4222`, or `wss://HOST:443` behind a firewall that allows only HTTPS. Separate several
    /// servers with commas. `tls-first://HOST:4222` for servers with `handshake_first: true`.
    #[arg(long, env = "MCA_NATS_URL", default_value = "nats://127.0.0.1:4222")]
    pub nats_url: String,
    /// The CA that signed the nats-server's certificate, if it is a private one. No other CA is trusted then, and TLS is mandatory.
    #[arg(long, env = "MCA_NATS_CA", value_name = "FILE")]
    pub nats_ca: Option<PathBuf>,
}

impl BusAddress {
    /// The servers at this address.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn servers(&self) -> Result<Servers, ServersError> {
        Servers::new(&self.nats_url, self.nats_ca.as_deref())
    }
}
