//! The system under measurement: nats-server with the shipped configuration, the aggregator, and a session there. Clusters join as a
//! part of the bench needs them. Everything stops when the value is dropped.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use async_nats::{Client, ConnectOptions};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::sleep;
use xtask::account::{self, Account};
use xtask::condition;
use xtask::data_dir::DataDir;
use xtask::nats_server::{NatsServer, Settings};
use xtask::process::{Group, Process};
use xtask::programs::Programs;
use xtask::session::Session;

use crate::caller::Http;

mod clusters;
mod log;

pub use clusters::{Api, LoadAgents};

const READY_WITHIN: Duration = Duration::from_secs(180);
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

pub struct TestBed {
    // Dropped in this order: the clients before their servers, the directory last.
    pub clusters: Vec<Process>,
    pub aggregator: Process,
    pub bus: NatsServer,
    pub session: Session,
    pub http: SocketAddr,
    account: Account,
    programs: Programs,
    data: DataDir,
    _dir: TempDir,
}

/// A replica of the aggregator, and a session there.
pub struct Aggregator {
    pub process: Process,
    pub http: SocketAddr,
    pub session: Session,
}

impl TestBed {
    /// Runs something on a new test bed. If it fails, the error includes the last lines of all logs that are not empty: the files are
    /// deleted with the test bed.
    pub async fn with<T>(act: impl AsyncFnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let mut test_bed = Self::start().await?;
        act(&mut test_bed)
            .await
            .map_err(|error| match log::tails(&test_bed.data.file("logs")) {
                tails if tails.is_empty() => error,
                tails => anyhow!("{error:#}{tails}"),
            })
    }

    /// A test bed without clusters.
    async fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let data = DataDir::open(dir.path())?;
        let this = std::env::current_exe()?;
        let programs = Programs::in_dir(this.parent().context("no directory of programs")?);
        let settings = Settings {
            log: data.log("nats")?,
            ..Settings::in_dir(&data.file("nats"))
        };
        let bus = NatsServer::start_with(settings).await?;
        let account = account::create(&programs.aggregator, &data).await?;
        let aggregator = start("aggregator", &programs, &bus, &account, &data).await?;
        Ok(Self {
            clusters: Vec::new(),
            aggregator: aggregator.process,
            bus,
            session: aggregator.session,
            http: aggregator.http,
            account,
            programs,
            data,
            _dir: dir,
        })
    }

    /// Another replica of the aggregator.
    pub async fn another_aggregator(&self) -> Result<Aggregator> {
        let (programs, data) = (&self.programs, &self.data);
        start("aggregator 2", programs, &self.bus, &self.account, data).await
    }

    /// Waits until this many clusters are online and their agents have read them.
    pub async fn online(&mut self, clusters: usize) -> Result<()> {
        condition::met("all clusters are online", READY_WITHIN, async || {
            self.ensure_running()?;
            sleep(BETWEEN_LOOKS).await;
            let online = self.session.online().await?;
            Ok((online >= clusters).then_some(()))
        })
        .await
    }

    /// A connection to the aggregator, signed in.
    pub async fn caller(&self) -> Result<Http> {
        Http::connect(self.http, Some(self.session.token())).await
    }

    /// A connection to the bus with the aggregator's permissions.
    pub async fn bus_client(&self) -> Result<Client> {
        let creds = self.bus.keys().aggregator_creds();
        let options = ConnectOptions::with_credentials_file(creds).await?;
        let options = options.custom_inbox_prefix("_INBOX_aggregator");
        Ok(options.connect(self.bus.url()).await?)
    }

    /// A connection to the bus that may observe all messages.
    pub async fn onlooker(&self) -> Result<Client> {
        let creds = self.bus.keys().admin_creds()?;
        let options = ConnectOptions::with_credentials_file(creds).await?;
        Ok(options.connect(self.bus.url()).await?)
    }

    /// Starts one of this package's own programs.
    pub fn start_own(&self, program: &str, arguments: &[(&str, String)]) -> Result<Process> {
        let mut command = Command::new(self.programs.agent.with_file_name(program));
        for (flag, value) in arguments {
            command.arg(flag).arg(value);
        }
        spawn_quietly(program, command, &self.data)
    }

    /// A file of this test bed.
    pub fn file(&self, name: &str) -> PathBuf {
        self.data.file(name)
    }

    fn ensure_running(&mut self) -> Result<()> {
        self.bus.process().ensure_running()?;
        self.aggregator.ensure_running()?;
        self.clusters
            .iter_mut()
            .try_for_each(Process::ensure_running)
    }
}

async fn start(
    part: &str,
    programs: &Programs,
    bus: &NatsServer,
    account: &Account,
    data: &DataDir,
) -> Result<Aggregator> {
    let http = free_address()?;
    let mut command = Command::new(&programs.aggregator);
    command
        .args(["serve", "--listen", &http.to_string()])
        .args(["--nats-url", &bus.url()])
        .arg("--bus-keys")
        .arg(bus.keys().aggregator_dir())
        .arg("--users")
        .arg(&account.users_file);
    let mut process = spawn(part, command, data)?;
    let ready = async || {
        process.ensure_running()?;
        Ok(Session::is_ready(http).await.then_some(()))
    };
    condition::met("the aggregator is ready", READY_WITHIN, ready).await?;
    Ok(Aggregator {
        process,
        http,
        session: Session::begin(http, &account.password).await?,
    })
}

/// Clients of the aggregator need its port before it starts.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Agents and simulators log only warnings; the aggregator is measured with its access log.
fn spawn_quietly(part: &str, mut command: Command, data: &DataDir) -> Result<Process> {
    command.env("MCA_LOG", "warn,async_nats=off");
    command.env("RUST_LOG", "warn");
    spawn(part, command, data)
}

fn spawn(part: &str, mut command: Command, data: &DataDir) -> Result<Process> {
    Group::Shared.apply(&mut command);
    Process::spawn(part, command, &data.log(part)?)
}
