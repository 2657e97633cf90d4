//! Everything that a soak runs on. It stops when the value is dropped.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow};
use tempfile::TempDir;
use tokio::time::sleep;
use xtask::account;
use xtask::condition;
use xtask::data_dir::DataDir;
use xtask::process::{Process, Signal};
use xtask::programs::Programs;

use crate::Options;
use crate::broker::Broker;
use crate::kubernetes::{self, Cluster};
use crate::replica::Replica;

const ONLINE_WITHIN: Duration = Duration::from_secs(120);

/// The replicas of the aggregator.
const REPLICAS: usize = 2;

pub struct Bed {
    // Dropped in this order: the clients before their servers, the directory last.
    pub replicas: Vec<Replica>,
    agents: Vec<Process>,
    simulator: Process,
    pub clusters: Vec<Cluster>,
    pub broker: Broker,
    programs: Programs,
    data: DataDir,
    _dir: TempDir,
}

impl Bed {
    /// Starts everything, and waits until all clusters are online.
    pub async fn start(options: &Options) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let data = DataDir::open(dir.path())?;
        let this = std::env::current_exe()?;
        let programs = Programs::in_dir(this.parent().context("no directory of programs")?);
        let broker = Broker::start(options.brokers, &data.file("nats")).await?;
        let clusters = options.at_once * options.clusters;
        let size = (clusters, options.workloads, options.speed);
        let (simulator, clusters) = kubernetes::simulate(&programs, &data, size).await?;
        let account = account::create(&programs.aggregator, &data).await?;
        let mut replicas = Vec::new();
        for number in 0..REPLICAS {
            let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
            let log = data.log(&format!("aggregator {number}"))?;
            let files = (broker.aggregator_keys(), &account, log);
            let addresses = (listen, &*broker.addresses());
            let program = programs.aggregator.clone();
            replicas.push(Replica::start(number, program, addresses, files).await?);
        }
        let mut bed = Self {
            replicas,
            agents: Vec::new(),
            simulator,
            clusters,
            broker,
            programs,
            data,
            _dir: dir,
        };
        for number in 0..bed.clusters.len() {
            let agent = bed.agent(number)?;
            bed.agents.push(agent);
        }
        bed.online().await?;
        Ok(bed)
    }

    fn agent(&self, number: usize) -> Result<Process> {
        let cluster = &self.clusters[number];
        let creds = self.broker.agent_creds(&cluster.name)?;
        let url = self.broker.url();
        cluster.agent(&self.programs.agent, &url, &creds, &self.data)
    }

    /// Waits until every replica sees every cluster online, and all workloads are healthy.
    pub async fn online(&mut self) -> Result<()> {
        for replica in &self.replicas {
            condition::met("all clusters are online", ONLINE_WITHIN, async || {
                let list = replica.get("/clusters").await?;
                let items = list["items"].as_array().context("no clusters")?;
                let online = items
                    .iter()
                    .filter(|it| it["presence"] == "online" && it["counts"].is_object());
                let healthy = |it: &&serde_json::Value| {
                    it["counts"]["health"]["healthy"].as_u64() == Some(workloads(&it["counts"]))
                };
                Ok((online.filter(healthy).count() == self.clusters.len()).then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    /// SIGKILL of the agent of the first cluster, and a new start after `pause`.
    pub async fn restart_an_agent(&mut self, pause: Duration) -> Result<()> {
        self.agents[0].kill().await?;
        sleep(pause).await;
        self.agents[0] = self.agent(0)?;
        Ok(())
    }

    /// SIGSTOP of all API servers for this long.
    pub async fn freeze_api_servers(&mut self, length: Duration) -> Result<()> {
        self.simulator.signal(Signal::STOP)?;
        sleep(length).await;
        self.simulator.signal(Signal::CONT)
    }

    /// The error with the place of the logs, which are kept.
    pub fn with_logs(&self, error: Error) -> Error {
        let kept = std::env::temp_dir().join(format!("soak-logs-{}", std::process::id()));
        let logs = self.data.file("logs");
        match std::fs::rename(&logs, &kept) {
            Ok(()) => anyhow!("{error:#}; the logs are in {}", kept.display()),
            Err(_) => error,
        }
    }
}

/// The number of workloads of all kinds.
fn workloads(counts: &serde_json::Value) -> u64 {
    let kinds = ["deployments", "stateful_sets", "daemon_sets"];
    kinds.iter().filter_map(|kind| counts[kind].as_u64()).sum()
}
