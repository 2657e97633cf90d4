//! The addresses of `--nats-url`, and the resulting connection options.

use std::path::Path;
use std::time::Duration;

use async_nats::{ConnectOptions, ServerAddr};

use crate::authority::{Authority, AuthorityError};
use crate::trouble::Troubles;

/// The nats-servers of one bus, and the CA that authenticates them.
#[derive(Debug, Clone)]
pub struct Servers {
    text: String,
    addresses: Vec<ServerAddr>,
    tls_first: bool,
    authority: Option<Authority>,
}

/// The bus cannot be reached with these settings.
#[derive(Debug, thiserror::Error)]
pub enum ServersError {
    /// Not the address of a server.
    #[error(
        "--nats-url: {text:?} is not the address of a nats-server, such as tls://bus.example:4222"
    )]
    NoAddress {
        /// The given text.
        text: String,
    },
    /// A password in a URL would end up in logs.
    #[error(
        "--nats-url: an address contains a user; the bus accepts only the credentials of --nats-creds"
    )]
    User,
    /// Another scheme than those of NATS.
    #[error("--nats-url: {text} does not begin with tls://, wss://, nats:// or ws://")]
    OtherScheme {
        /// The given text.
        text: String,
    },
    /// The client cannot switch between the two.
    #[error("--nats-url: {text} mixes WebSocket with other addresses; use one kind")]
    Mixed {
        /// The given text.
        text: String,
    },
    /// The client begins all connections in the same way.
    #[error("--nats-url: {text} mixes {TLS_FIRST} with other addresses; use one kind")]
    MixedTlsFirst {
        /// The given text.
        text: String,
    },
    /// A CA requires TLS, and `ws://` excludes it.
    #[error("--nats-url: {text} is not encrypted, and --nats-ca requires TLS; write it as wss://")]
    Clear {
        /// The given text.
        text: String,
    },
    /// The CA.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

/// TLS from the first byte, for servers with `handshake_first: true`, as behind a proxy that routes by TLS's server name.
const TLS_FIRST: &str = "tls-first://";

/// As long as the server waits for a client to authenticate: with a latency of two seconds, TCP, TLS and the challenge take six and more.
const CONNECTED_WITHIN: Duration = Duration::from_secs(15);

impl Servers {
    /// `urls` is one address, or several separated by commas; `ca` a file of certificates.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn new(urls: &str, ca: Option<&Path>) -> Result<Self, ServersError> {
        // Another part of the process may have installed one already, which is just as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let text = || urls.to_owned();
        let urls_given = || urls.split(',').map(str::trim);
        let begins = |url: &&str| url.starts_with(TLS_FIRST);
        let tls_first = urls_given().all(|url| begins(&url));
        if !tls_first && urls_given().any(|url| begins(&url)) {
            return Err(ServersError::MixedTlsFirst { text: text() });
        }
        let mut addresses = Vec::new();
        for url in urls_given() {
            let url = url.replacen(TLS_FIRST, "tls://", 1);
            let url = url.as_str();
            let no_address = || ServersError::NoAddress { text: url.into() };
            let address: ServerAddr = url.parse().map_err(|_| no_address())?;
            if address.has_user_pass() {
                return Err(ServersError::User);
            }
            if address.host().is_empty() {
                return Err(no_address());
            }
            if !["nats", "tls", "ws", "wss"].contains(&address.scheme()) {
                return Err(ServersError::OtherScheme { text: url.into() });
            }
            if address.scheme() == "ws" && ca.is_some() {
                return Err(ServersError::Clear { text: url.into() });
            }
            addresses.push(address);
        }
        let websocket = |address: &ServerAddr| address.is_websocket();
        if addresses.iter().any(websocket) && !addresses.iter().all(websocket) {
            return Err(ServersError::Mixed { text: text() });
        }
        Ok(Self {
            text: text(),
            addresses,
            tls_first,
            authority: ca.map(Authority::open).transpose()?,
        })
    }

    /// The given text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// For `connect`.
    #[must_use]
    pub fn addresses(&self) -> Vec<ServerAddr> {
        self.addresses.clone()
    }

    /// The CA that authenticates them, if not those of the system.
    #[must_use]
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// One `tls://` address or a CA makes TLS mandatory for all servers: otherwise the client would connect without TLS to servers
    /// that it learns of from others.
    #[must_use]
    pub fn demand_tls(&self) -> bool {
        let secure = |address: &ServerAddr| matches!(address.scheme(), "tls" | "wss");
        self.authority.is_some() || self.addresses.iter().any(secure)
    }

    /// The options for a connection to them; errors are logged.
    #[must_use]
    pub fn apply(&self, options: ConnectOptions) -> ConnectOptions {
        let mut options = options
            .require_tls(self.demand_tls())
            .connection_timeout(CONNECTED_WITHIN);
        if self.tls_first {
            options = options.tls_first();
        }
        if let Some(authority) = &self.authority {
            options = options.add_root_certificates(authority.file().to_owned());
        }
        if self.addresses.iter().any(ServerAddr::is_websocket) {
            // A server announces the others without the WebSocket scheme, so the client could not connect to them.
            options = options.ignore_discovered_servers();
        }
        let troubles = Troubles::new(self.authority.clone());
        // The only callback in which the client gives the reason why it was refused. `None`: it chooses the server itself.
        options.reconnect_to_server_callback(move |servers, _| {
            troubles.look_at(&servers);
            async { None }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(urls: &str) -> Result<Servers, ServersError> {
        Servers::new(urls, None)
    }

    #[test]
    fn all_servers_begin_with_tls_or_none() {
        let first = servers("tls-first://a:4222, tls-first://b:4222").unwrap();
        assert!(first.tls_first && first.demand_tls());
        assert_eq!(first.addresses()[1].host(), "b");
        assert!(!servers("tls://a:4222").unwrap().tls_first);
        let mixed = servers("tls-first://a:4222,tls://b:4222");
        assert!(matches!(mixed, Err(ServersError::MixedTlsFirst { .. })));
    }

    #[test]
    fn one_server_with_tls_means_tls_for_all() {
        let demands = |urls| servers(urls).unwrap().demand_tls();
        assert!(demands("tls://a:4222, nats://b:4222"));
        assert!(demands("wss://a"));
        assert!(!demands("nats://a,b:4333"));
        assert!(!demands("ws://a"));
    }

    #[test]
    fn what_is_no_address_is_refused_with_flag_and_text() {
        for urls in [
            "",
            "nats://",
            "http://a",
            "nats://a,",
            "://",
            "wss://a,tls://a",
            "nats://ana:secret@a",
        ] {
            let error = servers(urls).unwrap_err().to_string();
            assert!(error.starts_with("--nats-url: "), "{urls}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_ca_and_an_address_in_the_clear_do_not_go_together() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        std::fs::write(&file, made.cert.pem()).unwrap();
        let refused = Servers::new("ws://a", Some(&file)).unwrap_err();
        assert!(matches!(refused, ServersError::Clear { .. }), "{refused}");
        assert!(Servers::new("nats://a", Some(&file)).unwrap().demand_tls());
    }
}
