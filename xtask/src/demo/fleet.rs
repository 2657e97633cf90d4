//! The running parts of a demo, in the order in which they start.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use bus_keys::{Inbox, Permit};
use bus_schema::AllowedVerbs;
use tokio::process::Command;
use tokio::time::sleep;
use xtask::account::{Account, USER};
use xtask::condition;
use xtask::data_dir::DataDir;
use xtask::nats_server::{NatsServer, Settings};
use xtask::process::{Group, Process, Signal};
use xtask::programs::Programs;
use xtask::session::Session;

use super::clusters::{self, Cluster, Size};
use super::enrolment;

const READY_WITHIN: Duration = Duration::from_secs(120);
/// Agents drain within 20 s; a component that needs longer hangs.
const STOP_WITHIN: Duration = Duration::from_secs(25);
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

pub struct Fleet {
    // The last to start is the first to stop.
    agents: Vec<Process>,
    aggregator: Option<Process>,
    simulator: Option<Process>,
    bus: NatsServer,
}

impl Fleet {
    pub async fn start_bus(listen: SocketAddr, data: &DataDir) -> Result<Self> {
        let settings = Settings {
            listen,
            dir: data.file("nats"),
            tls: None,
            websocket: false,
            log: data.log("nats")?,
            group: Group::Own,
        };
        Ok(Self {
            bus: NatsServer::start_with(settings).await?,
            simulator: None,
            aggregator: None,
            agents: Vec::new(),
        })
    }

    pub async fn start_simulator(
        &mut self,
        programs: &Programs,
        size: Size,
        data: &DataDir,
    ) -> Result<Vec<Cluster>> {
        data.remove("kubeconfig")?;
        let kubeconfig = data.file("kubeconfig");
        let mut command = Command::new(&programs.simulator);
        command
            .args(["--listen", "127.0.0.1:0"])
            .args(["--clusters", &size.clusters.to_string()])
            .args(["--namespaces", &size.namespaces.to_string()])
            .args(["--deployments", &size.deployments.to_string()])
            .args(["--statefulsets", &size.statefulsets.to_string()])
            .args(["--daemonsets", &size.daemonsets.to_string()])
            .arg("--kubeconfig-out")
            .arg(&kubeconfig);
        let simulator = start("k8s-sim", command, data)?;
        self.simulated(simulator, &kubeconfig, READY_WITHIN).await
    }

    /// Simulated clusters with their agents, all in one process, which signs their credentials itself.
    pub async fn start_load_agents(
        &mut self,
        programs: &Programs,
        size: Size,
        data: &DataDir,
    ) -> Result<Vec<Cluster>> {
        data.remove("kubeconfig")?;
        let (kubeconfig, creds) = (data.file("kubeconfig"), data.file(enrolment::DIR));
        fs::create_dir_all(&creds)?;
        let mut command = Command::new(&programs.load_agents);
        command
            .args(["--clusters", &size.clusters.to_string()])
            .args(["--namespaces", &size.namespaces.to_string()])
            .args(["--deployments", &size.deployments.to_string()])
            .args(["--statefulsets", &size.statefulsets.to_string()])
            .args(["--daemonsets", &size.daemonsets.to_string()])
            .args(["--nats-url", &self.bus.url()])
            .arg("--bus-keys")
            .arg(self.bus.keys().aggregator_dir())
            .arg("--creds")
            .arg(creds)
            .arg("--kubeconfig-out")
            .arg(&kubeconfig);
        let agents = start("agents", command, data)?;
        self.simulated(agents, &kubeconfig, size.ready_within())
            .await
    }

    /// Waits for the kubeconfig of simulated clusters, and holds their process.
    async fn simulated(
        &mut self,
        mut simulator: Process,
        kubeconfig: &Path,
        patience: Duration,
    ) -> Result<Vec<Cluster>> {
        let look = async || {
            simulator.ensure_running()?;
            Ok(clusters::simulated(kubeconfig))
        };
        let clusters = condition::met("simulated clusters", patience, look).await?;
        ensure!(
            !clusters.is_empty(),
            "{} wrote no contexts",
            simulator.name()
        );
        self.simulator = Some(simulator);
        Ok(clusters)
    }

    /// Returns the address on which it will listen.
    pub fn start_aggregator(
        &mut self,
        programs: &Programs,
        listen: SocketAddr,
        account: &Account,
        ui: Option<&Path>,
        data: &DataDir,
    ) -> Result<SocketAddr> {
        let listen = with_port(listen)?;
        let mut command = Command::new(&programs.aggregator);
        command
            .args(["serve", "--listen", &listen.to_string()])
            .args(["--nats-url", &self.bus.url()])
            .arg("--bus-keys")
            .arg(self.bus.keys().aggregator_dir())
            .arg("--users")
            .arg(&account.users_file)
            // Plain HTTP on loopback: browsers would not send a secure cookie.
            .args(["--cookie-secure", "false"]);
        if let Some(dir) = ui {
            command.arg("--ui-dir").arg(dir);
        }
        self.aggregator = Some(start("aggregator", command, data)?);
        Ok(listen)
    }

    pub async fn start_agents(
        &mut self,
        programs: &Programs,
        clusters: &[Cluster],
        session: &Session,
        data: &DataDir,
    ) -> Result<()> {
        for cluster in clusters {
            let joined = enrolment::join(&programs.agent, &cluster.name, session, data).await?;
            let mut command = Command::new(&programs.agent);
            command
                .args(["--cluster-name", &cluster.name])
                .args(["--nats-url", &self.bus.url()])
                .arg("--nats-creds")
                .arg(joined.token)
                .arg("--nats-seed")
                .arg(joined.seed)
                .arg("--kubeconfig")
                .arg(&cluster.kubeconfig)
                .args(["--context", &cluster.context])
                .args(["--verbs", &AllowedVerbs::all().to_string()]);
            let part = format!("agent {}", cluster.name);
            self.agents.push(start(&part, command, data)?);
        }
        Ok(())
    }

    /// Waits until the aggregator is ready, and signs in there.
    pub async fn sign_in(&mut self, http: SocketAddr, account: &Account) -> Result<Session> {
        condition::met("the aggregator is ready", READY_WITHIN, async || {
            self.ensure_running()?;
            sleep(BETWEEN_LOOKS).await;
            Ok(Session::is_ready(http).await.then_some(()))
        })
        .await?;
        Session::begin(http, &account.password).await
    }

    /// Waits until every cluster is online.
    pub async fn online(
        &mut self,
        session: &Session,
        clusters: usize,
        patience: Duration,
    ) -> Result<()> {
        condition::met("every cluster is online", patience, async || {
            self.ensure_running()?;
            sleep(BETWEEN_LOOKS).await;
            let online = session.online().await?;
            Ok((online >= clusters).then_some(()))
        })
        .await
    }

    /// The permissions of the demo's user with the nats CLI: every verb in every cluster, as in the API.
    pub fn person_creds(&self) -> Result<PathBuf> {
        self.bus.keys().cli_creds(&Permit {
            name: USER.parse()?,
            clusters: vec![],
            verbs: Permit::all_verbs(),
            may_list_agents: true,
            may_see_runs: true,
            // Keeps the nats CLI's command lines short: no one else has credentials for this bus.
            inbox: Inbox::Everybodys,
            expires_at: None,
        })
    }

    pub fn bus_url(&self) -> String {
        self.bus.url()
    }

    /// The process ids by their names in `demo.json`.
    pub fn pids(&mut self) -> BTreeMap<String, u32> {
        let mut pids: BTreeMap<String, u32> = self
            .ours()
            .map(|part| (part.name().to_owned(), part.pid()))
            .collect();
        pids.insert("nats".to_owned(), self.bus.pid());
        pids
    }

    /// The error that says which component ended, with the end of its output.
    pub async fn first_death(&mut self) -> anyhow::Error {
        loop {
            if let Err(error) = self.ensure_running() {
                return error;
            }
            sleep(BETWEEN_LOOKS).await;
        }
    }

    /// All at the same time, and then the bus: agents send their last heartbeat over it.
    pub async fn stop(&mut self) -> Result<()> {
        for part in self.ours() {
            part.signal(Signal::TERM)?;
        }
        for part in self.ours() {
            part.stop(STOP_WITHIN).await?;
        }
        self.bus.stop().await
    }

    fn ensure_running(&mut self) -> Result<()> {
        self.bus.process().ensure_running()?;
        self.ours().try_for_each(Process::ensure_running)
    }

    fn ours(&mut self) -> impl Iterator<Item = &mut Process> {
        let servers = self.simulator.iter_mut().chain(&mut self.aggregator);
        servers.chain(&mut self.agents)
    }
}

fn start(part: &str, mut command: Command, data: &DataDir) -> Result<Process> {
    Group::Own.apply(&mut command);
    Process::spawn(part, command, &data.log(part)?)
}

/// A free port instead of 0: clients of the aggregator need to know it before it starts.
fn with_port(listen: SocketAddr) -> Result<SocketAddr> {
    match listen.port() {
        0 => Ok(TcpListener::bind(listen)?.local_addr()?),
        _ => Ok(listen),
    }
}
