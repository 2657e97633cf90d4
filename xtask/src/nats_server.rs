//! A real nats-server with the shipped configuration, on a free port, with its own keys.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use tokio::process::Command;

use crate::condition;
use crate::process::{Group, Process, Signal};

pub mod binary;
mod keys;

pub use keys::Keys;

const READY_WITHIN: Duration = Duration::from_secs(20);
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Stops when it is dropped. Its store remains in its directory.
pub struct NatsServer {
    program: PathBuf,
    settings: Settings,
    keys: Arc<Keys>,
    config: PathBuf,
    ports: Ports,
    process: Process,
}

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Port 0 is a free one.
    pub listen: SocketAddr,
    /// For its keys, its store and its own files; created if it does not exist.
    pub dir: PathBuf,
    /// Certificate and private key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether it also listens for WebSocket, on a free port.
    pub websocket: bool,
    pub log: PathBuf,
    pub group: Group,
}

impl NatsServer {
    /// On a free port of 127.0.0.1, with store and log in `dir`. Installs nats-server if there is none.
    pub async fn start(dir: &Path) -> Result<Self> {
        Self::start_with(Settings::in_dir(dir)).await
    }

    /// The same with TLS and WebSocket.
    pub async fn start_with_tls(dir: &Path, tls: (PathBuf, PathBuf)) -> Result<Self> {
        Self::start_with(Settings {
            tls: Some(tls),
            websocket: true,
            ..Settings::in_dir(dir)
        })
        .await
    }

    pub async fn start_with(mut settings: Settings) -> Result<Self> {
        let program = tokio::task::spawn_blocking(binary::find_or_install).await??;
        fs::create_dir_all(&settings.dir)?;
        settings.dir = settings.dir.canonicalize()?;
        let keys = Arc::new(Keys::of(&settings)?);
        let config = keys.server_config(None);
        Self::launch(program, settings, keys, config).await
    }

    /// With existing keys, including those of other servers.
    pub(crate) async fn launch(
        program: PathBuf,
        mut settings: Settings,
        keys: Arc<Keys>,
        config: PathBuf,
    ) -> Result<Self> {
        let (process, ports) = launch(&program, &settings, &config).await?;
        settings.listen = ports.client()?;
        Ok(Self {
            program,
            settings,
            keys,
            config,
            ports,
            process,
        })
    }

    /// The URL for clients: `nats://127.0.0.1:4222`, or `tls://…`.
    pub fn url(&self) -> String {
        let scheme = match self.settings.tls {
            Some(_) => "tls",
            None => "nats",
        };
        format!("{scheme}://{}", self.address())
    }

    /// The URL for WebSocket: `wss://127.0.0.1:443`.
    pub fn websocket_url(&self) -> Option<&str> {
        self.ports.first("websocket")
    }

    pub fn address(&self) -> SocketAddr {
        self.settings.listen
    }

    pub fn port(&self) -> u16 {
        self.address().port()
    }

    /// `http://127.0.0.1:8222` with `/varz`, `/connz`, `/jsz`.
    pub fn monitoring_url(&self) -> Option<&str> {
        self.ports.first("monitoring")
    }

    /// The accounts and credentials.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Its configuration file, which is read at the next start.
    pub fn config(&self) -> &Path {
        &self.config
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// SIGKILL, as in a crash.
    pub async fn kill(&mut self) -> Result<()> {
        self.process.kill().await.map(drop)
    }

    /// SIGTERM, and waits until it has ended.
    pub async fn stop(&mut self) -> Result<()> {
        self.process.stop(STOP_WITHIN).await.map(drop)
    }

    /// Restarts it on the same port and store; stops it first if it is still running.
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        let (process, ports) = launch(&self.program, &self.settings, &self.config).await?;
        self.process = process;
        self.ports = ports;
        Ok(())
    }

    /// SIGSTOP: connections stay open and nothing answers.
    pub fn suspend(&mut self) -> Result<()> {
        self.process.signal(Signal::STOP)
    }

    /// SIGCONT, after [`suspend`](Self::suspend).
    pub fn resume(&mut self) -> Result<()> {
        self.process.signal(Signal::CONT)
    }
}

impl Settings {
    /// On a free port of 127.0.0.1, with store and log in `dir`.
    pub fn in_dir(dir: &Path) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            dir: dir.to_owned(),
            tls: None,
            websocket: false,
            log: dir.join("nats-server.log"),
            group: Group::Shared,
        }
    }
}

/// The file in which the server writes its URLs by kind of port once it is ready.
#[derive(Deserialize)]
struct Ports(BTreeMap<String, Vec<String>>);

impl Ports {
    fn first(&self, kind: &str) -> Option<&str> {
        self.0.get(kind)?.first().map(String::as_str)
    }

    fn client(&self) -> Result<SocketAddr> {
        let url = self
            .first("nats")
            .context("nats-server names no client port")?;
        let address = url.split_once("://").map_or(url, |(_, rest)| rest).parse();
        address.with_context(|| format!("nats-server listens at {url}"))
    }
}

async fn launch(program: &Path, settings: &Settings, config: &Path) -> Result<(Process, Ports)> {
    let Settings {
        listen,
        dir,
        log,
        group,
        ..
    } = settings;
    let port = match listen.port() {
        0 => "-1".to_owned(),
        port => port.to_string(),
    };
    let mut command = Command::new(program);
    command
        .arg("-c")
        .arg(config)
        .args(["-a", &listen.ip().to_string(), "-p", &port, "-m", "-1"])
        .arg("--ports_file_dir")
        .arg(dir);
    group.apply(&mut command);
    let mut process = Process::spawn("nats-server", command, log)?;
    let file_name = program.file_name().context("no program")?.to_string_lossy();
    let file = dir.join(format!("{file_name}_{}.ports", process.pid()));
    let ports = condition::met("nats-server is ready", READY_WITHIN, async || {
        process.ensure_running()?;
        Ok(read_ports(&file))
    })
    .await?;
    Ok((process, ports))
}

/// The file appears before it is complete: a file that does not parse counts as missing.
fn read_ports(file: &Path) -> Option<Ports> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}
