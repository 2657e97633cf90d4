//! The flags that say where the bus is.

use std::path::PathBuf;

use crate::servers::{Servers, ServersError};

/// Where the nats-servers are, and who vouches for them.
#[derive(Debug, Clone, clap::Args)]
pub struct BusAddress {
    /// Where the bus listens, as `tls://HOST:4222`, or `wss://HOST:443` where a firewall lets nothing else out; several servers are
    /// separated by commas.
    #[arg(long, env = "MCA_NATS_URL", default_value = "nats://127.0.0.1:4222")]
    pub nats_url: String,
    /// The CA that signed the nats-server's certificate, if it is a private one. No other is trusted then, and nothing is said
    /// without TLS.
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
