//! The bus: one nats-server, or three.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use async_nats::{Client, ConnectOptions};
use serde_json::Value;
use xtask::nats_cluster::NatsCluster;
use xtask::nats_server::{Keys, NatsServer};

/// The streams that runs are made of.
const STREAMS: [&str; 3] = ["KV_runs", "AUDIT", "KV_operations"];

/// The servers, and a client that may do everything.
pub struct Broker {
    servers: Servers,
    admin: Client,
}

enum Servers {
    One(Box<NatsServer>),
    Three(Box<NatsCluster>),
}

impl Servers {
    fn all(&self) -> &[NatsServer] {
        match self {
            Self::One(server) => std::slice::from_ref(server),
            Self::Three(cluster) => &cluster.servers,
        }
    }

    fn keys(&self) -> &Keys {
        match self {
            Self::One(server) => server.keys(),
            Self::Three(cluster) => cluster.keys(),
        }
    }
}

impl Broker {
    /// Starts it, with everything in this directory.
    pub async fn start(brokers: u8, dir: &Path) -> Result<Self> {
        let servers = match brokers {
            1 => Servers::One(Box::new(NatsServer::start(dir).await?)),
            _ => Servers::Three(Box::new(NatsCluster::start(dir, None).await?)),
        };
        let creds = servers.keys().admin_creds()?;
        let options = ConnectOptions::with_credentials_file(creds).await?;
        let admin = options.connect(servers.all()[0].url()).await?;
        Ok(Self { servers, admin })
    }

    /// The addresses of its servers.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.all().iter().map(NatsServer::address).collect()
    }

    /// For `--nats-url`.
    pub fn url(&self) -> String {
        let urls: Vec<String> = self.servers.all().iter().map(NatsServer::url).collect();
        urls.join(",")
    }

    /// For `--bus-keys`.
    pub fn aggregator_keys(&self) -> PathBuf {
        self.servers.keys().aggregator_dir()
    }

    /// New credentials of an agent.
    pub fn agent_creds(&self, cluster: &str) -> Result<PathBuf> {
        self.servers.keys().agent_creds(cluster)
    }

    /// May observe everything.
    pub fn admin(&self) -> &Client {
        &self.admin
    }

    /// Makes other servers the leaders of the streams.
    pub async fn move_leaders(&self) -> Result<()> {
        for stream in STREAMS {
            let subject = format!("$JS.API.STREAM.LEADER.STEPDOWN.{stream}");
            let reply = self.admin.request(subject, "".into()).await?;
            let reply: Value = serde_json::from_slice(&reply.payload)?;
            ensure!(reply["success"] == true, "{stream}: {reply}");
        }
        Ok(())
    }
}
