//! One replica of the aggregator, whose connection to the bus can be cut.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use xtask::account::{Account, USER};
use xtask::condition;
use xtask::http;
use xtask::process::{Group, Process, Signal};
use xtask::proxy::TcpProxy;
use xtask::session::Session;

const READY_WITHIN: Duration = Duration::from_secs(120);

/// A replica.
pub struct Replica {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    password: String,
    listen: SocketAddr,
    proxies: Vec<TcpProxy>,
    process: Process,
    log: PathBuf,
    token: String,
}

impl Replica {
    /// Starts it.
    pub async fn start(
        number: usize,
        program: PathBuf,
        (listen, brokers): (SocketAddr, &[SocketAddr]),
        (keys, account, log): (PathBuf, &Account, PathBuf),
    ) -> Result<Self> {
        let mut proxies = Vec::new();
        for broker in brokers {
            proxies.push(TcpProxy::start(*broker).await?);
        }
        let urls: Vec<String> = proxies
            .iter()
            .map(|proxy| format!("nats://{}", proxy.addr()))
            .collect();
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        let arguments = vec![
            "serve".to_owned(),
            "--listen".to_owned(),
            listen.to_string(),
            "--nats-url".to_owned(),
            urls.join(","),
            "--bus-keys".to_owned(),
            text(&keys),
            "--users".to_owned(),
            text(&account.users_file),
        ];
        let name = format!("aggregator {number}");
        let process = spawn(&name, &program, &arguments, &log)?;
        let mut replica = Self {
            name,
            program,
            arguments,
            password: account.password.clone(),
            listen,
            proxies,
            process,
            log,
            token: String::new(),
        };
        replica.ready().await?;
        Ok(replica)
    }

    /// Waits until it is ready, and signs in.
    pub async fn ready(&mut self) -> Result<()> {
        let listen = self.listen;
        condition::met("a replica is ready", READY_WITHIN, async || {
            self.process.ensure_running()?;
            Ok(Session::is_ready(listen).await.then_some(()))
        })
        .await?;
        let credentials = json!({ "username": USER, "password": self.password });
        condition::met("a session", READY_WITHIN, async || {
            let answer = http::post(listen, "/login", None, &credentials).await;
            let Ok(answer) = answer else { return Ok(None) };
            if answer.status != 200 {
                return Ok(None);
            }
            let token = answer.json()?["access_token"].as_str().map(str::to_owned);
            self.token = token.context("no token")?;
            Ok(Some(()))
        })
        .await
    }

    /// The body of a 200.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let answer = http::get(self.listen, path, Some(&self.token)).await?;
        ensure!(answer.status == 200, "GET {path}: {}", answer.body);
        answer.json()
    }

    /// The body of a 200 or 202.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let answer = http::post(self.listen, path, Some(&self.token), body).await?;
        let is_done = matches!(answer.status, 200 | 202);
        ensure!(is_done, "POST {path}: {}", answer.body);
        answer.json()
    }

    /// Whether it has carried this run out at some time, by its log.
    pub fn has_driven(&self, run: &str) -> bool {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines()
            .any(|line| line.contains("carrying a run out") && line.contains(run))
    }

    /// SIGKILL, and a new start.
    pub async fn kill(&mut self) -> Result<()> {
        self.process.kill().await?;
        Ok(())
    }

    /// Starts it again after [`kill`](Self::kill).
    pub async fn start_again(&mut self) -> Result<()> {
        if self.process.ended()?.is_some() {
            self.process = spawn(&self.name, &self.program, &self.arguments, &self.log)?;
        }
        self.ready().await
    }

    /// SIGSTOP.
    pub fn freeze(&mut self) -> Result<()> {
        self.process.signal(Signal::STOP)
    }

    /// SIGCONT.
    pub fn resume(&mut self) -> Result<()> {
        self.process.signal(Signal::CONT)
    }

    /// Cuts it off from the bus.
    pub fn cut(&self) {
        self.proxies.iter().for_each(TcpProxy::cut);
    }

    /// Ends [`cut`](Self::cut).
    pub fn heal(&self) {
        self.proxies.iter().for_each(TcpProxy::heal);
    }
}

fn spawn(name: &str, program: &PathBuf, arguments: &[String], log: &Path) -> Result<Process> {
    let mut command = Command::new(program);
    command.args(arguments);
    command.env("MCA_LOG", "info,aggregator_runs=debug,access=off");
    Group::Shared.apply(&mut command);
    Process::spawn(name, command, log)
}
