//! Three real nats-servers that form one bus, with the configuration that `aggregator bus init --server …` writes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use bus_keys::{Member, ServerSettings};

use crate::nats_server::{Keys, NatsServer, Settings, binary};

const NAMES: [&str; 3] = ["n1", "n2", "n3"];

/// Stops when it is dropped.
pub struct NatsCluster {
    pub servers: Vec<NatsServer>,
    keys: Arc<Keys>,
    /// The addresses of their routes.
    pub members: Vec<Member>,
}

impl NatsCluster {
    /// On free ports of 127.0.0.1, with keys, stores and logs in `dir`; with TLS for clients where a certificate is given.
    pub async fn start(dir: &Path, tls: Option<(PathBuf, PathBuf)>) -> Result<Self> {
        let program = tokio::task::spawn_blocking(binary::find_or_install).await??;
        std::fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let settings = ServerSettings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            store: dir.clone(),
            tls: tls.clone(),
            websocket: None,
            members: members()?,
        };
        let keys = Arc::new(Keys::with_settings(&dir, &settings)?);
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
        Ok(Self {
            servers,
            keys,
            members: settings.members,
        })
    }

    /// The addresses of all servers, for `--nats-url`.
    pub fn url(&self) -> String {
        let urls: Vec<_> = self.servers.iter().map(NatsServer::url).collect();
        urls.join(",")
    }

    /// The accounts and credentials.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }
}

/// Each must know the others' ports before it starts, so they are chosen here: all at the same time, so that no two are equal.
fn members() -> Result<Vec<Member>> {
    let listen = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listeners: Vec<_> = NAMES.iter().map(listen).collect::<Result<_, _>>()?;
    let member = |(name, listener): (&&str, &TcpListener)| {
        let address = listener.local_addr()?;
        anyhow::Ok(format!("{name}={address}").parse()?)
    };
    NAMES.iter().zip(&listeners).map(member).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;
    use crate::condition;

    fn routes(server: &NatsServer) -> Result<u64> {
        let url = server.monitoring_url().unwrap_or_default();
        let mut stream = TcpStream::connect(url.trim_start_matches("http://"))?;
        stream.write_all(b"GET /routez HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let json: serde_json::Value = serde_json::from_str(body)?;
        Ok(json["num_routes"].as_u64().unwrap_or_default())
    }

    /// A server with the cluster's name and the others' addresses, but a different authority.
    #[tokio::test]
    async fn a_server_of_another_bus_does_not_become_one_of_the_cluster() {
        let dir = tempfile::tempdir().unwrap();
        let ours = NatsCluster::start(&dir.path().join("ours"), None)
            .await
            .unwrap();
        condition::met("the routes", Duration::from_secs(60), async || {
            Ok((routes(&ours.servers[0])? > 0).then_some(()))
        })
        .await
        .unwrap();
        let own = dir.path().join("foreign");
        std::fs::create_dir_all(&own).unwrap();
        let settings = ServerSettings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            store: own.clone(),
            tls: None,
            websocket: None,
            members: [&members().unwrap()[..1], &ours.members[1..]].concat(),
        };
        let keys = Arc::new(Keys::with_settings(&own, &settings).unwrap());
        let program = binary::find_or_install().unwrap();
        let config = keys.server_config(Some("n1"));
        let foreign = NatsServer::launch(program, Settings::in_dir(&own), keys, config);
        let foreign = foreign.await.unwrap();
        let log = own.join("nats-server.log");
        condition::met("a refusal", Duration::from_secs(60), async || {
            let log = std::fs::read_to_string(&log)?;
            Ok(log.contains("TLS route handshake error").then_some(()))
        })
        .await
        .unwrap();
        assert_eq!(routes(&foreign).unwrap(), 0);
    }
}
