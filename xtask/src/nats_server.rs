//! A real nats-server with the configuration that the project ships, on a free port.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use tokio::process::Command;

use crate::process::{Group, Process, Signal};
use crate::{condition, workspace};

pub mod binary;

const READY_WITHIN: Duration = Duration::from_secs(20);
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Ends with the value. Its store stays in the directory that it was given.
pub struct NatsServer {
    program: PathBuf,
    dir: PathBuf,
    address: SocketAddr,
    monitoring: Option<String>,
    group: Group,
    process: Process,
}

impl NatsServer {
    /// On a free port of 127.0.0.1, with store, log and bookkeeping in `dir`. Installs nats-server if there is none.
    pub async fn start(dir: &Path) -> Result<Self> {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::start_at(listen, dir, Group::Shared).await
    }

    /// The same on a given address; port 0 is a free one.
    pub async fn start_at(listen: SocketAddr, dir: &Path, group: Group) -> Result<Self> {
        let program = tokio::task::spawn_blocking(binary::find_or_install).await??;
        fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let (process, ports) = launch(&program, listen, &dir, group).await?;
        Ok(Self {
            program,
            address: ports.client()?,
            monitoring: ports
                .0
                .get("monitoring")
                .and_then(|urls| urls.first())
                .cloned(),
            dir,
            group,
            process,
        })
    }

    /// What clients connect to: `nats://127.0.0.1:4222`.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:8222` with `/varz`, `/connz`, `/jsz`.
    pub fn monitoring_url(&self) -> Option<&str> {
        self.monitoring.as_deref()
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

    /// SIGTERM and a wait for its end.
    pub async fn stop(&mut self) -> Result<()> {
        self.process.stop(STOP_WITHIN).await.map(drop)
    }

    /// Stops it, if it still runs, and starts it again on the same port and store.
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        let (process, _) = launch(&self.program, self.address, &self.dir, self.group).await?;
        self.process = process;
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

/// The file in which the server says where it listens, once it is ready: kind of port to URLs.
#[derive(Deserialize)]
struct Ports(BTreeMap<String, Vec<String>>);

impl Ports {
    fn client(&self) -> Result<SocketAddr> {
        let url = self.0.get("nats").and_then(|urls| urls.first());
        let url = url.context("nats-server names no client port")?;
        let address = url.strip_prefix("nats://").unwrap_or(url);
        address
            .parse()
            .with_context(|| format!("nats-server listens at {url}"))
    }
}

async fn launch(
    program: &Path,
    listen: SocketAddr,
    dir: &Path,
    group: Group,
) -> Result<(Process, Ports)> {
    let port = match listen.port() {
        0 => "-1".to_owned(),
        port => port.to_string(),
    };
    let mut command = Command::new(program);
    command
        .arg("-c")
        .arg(workspace::root().join("nats/nats-server.conf"))
        .args(["-a", &listen.ip().to_string(), "-p", &port, "-m", "-1"])
        .arg("--ports_file_dir")
        .arg(dir)
        .env("NATS_STORE_DIR", quoted(dir)?);
    group.apply(&mut command);
    let mut process = Process::spawn("nats-server", command, &dir.join("nats-server.log"))?;
    let file_name = program.file_name().context("no program")?.to_string_lossy();
    let file = dir.join(format!("{file_name}_{}.ports", process.pid()));
    let ports = condition::met("nats-server is ready", READY_WITHIN, async || {
        process.ensure_running()?;
        Ok(read_ports(&file))
    })
    .await?;
    Ok((process, ports))
}

/// The server writes the file in one go only on a good day: what does not parse yet is not there yet.
fn read_ports(file: &Path) -> Option<Ports> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

/// The server parses the variable's value like a line of its configuration, where a string with blanks needs quotes.
fn quoted(path: &Path) -> Result<String> {
    let text = path.to_str().context("the store's path is not UTF-8")?;
    Ok(serde_json::to_string(text)?)
}
