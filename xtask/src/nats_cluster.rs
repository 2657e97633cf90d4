//! Three real nats-servers that are one bus, with the configuration that `aggregator bus init --server …` writes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use bus_keys::{Member, Place};

use crate::nats_server::{Keys, NatsServer, Settings, binary};

const NAMES: [&str; 3] = ["n1", "n2", "n3"];

/// Ends with the value.
pub struct NatsCluster {
    pub servers: Vec<NatsServer>,
    keys: Arc<Keys>,
}

impl NatsCluster {
    /// On free ports of 127.0.0.1, with keys, stores and logs in `dir`; with TLS for clients where a certificate is given.
    pub async fn start(dir: &Path, tls: Option<(PathBuf, PathBuf)>) -> Result<Self> {
        let program = tokio::task::spawn_blocking(binary::find_or_install).await??;
        std::fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let place = Place {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            store: dir.clone(),
            tls: tls.clone(),
            websocket: None,
            members: members()?,
        };
        let keys = Arc::new(Keys::of_place(&dir, &place)?);
        let mut servers = Vec::new();
        for name in NAMES {
            let own = dir.join(name);
            std::fs::create_dir_all(&own)?;
            let settings = Settings {
                tls: tls.clone(),
                ..Settings::in_dir(&own)
            };
            let config = keys.server_config(Some(name));
            servers
                .push(NatsServer::launch(program.clone(), settings, keys.clone(), config).await?);
        }
        Ok(Self { servers, keys })
    }

    /// All of them, for `--nats-url`.
    pub fn url(&self) -> String {
        let urls: Vec<_> = self.servers.iter().map(NatsServer::url).collect();
        urls.join(",")
    }

    /// Who is let in.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }
}

/// Each must know the others' ports before it starts, so they are chosen here: all at once, so that no two are the same.
fn members() -> Result<Vec<Member>> {
    let listen = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listeners: Vec<_> = NAMES.iter().map(listen).collect::<Result<_, _>>()?;
    let member = |(name, listener): (&&str, &TcpListener)| {
        let address = listener.local_addr()?;
        anyhow::Ok(format!("{name}={address}").parse()?)
    };
    NAMES.iter().zip(&listeners).map(member).collect()
}
