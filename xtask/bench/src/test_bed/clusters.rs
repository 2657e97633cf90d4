//! How clusters join: each with its API server and its agent as separate processes, or all of them in one process, the load agents.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;
use xtask::condition;
use xtask::kubeconfig::servers;
use xtask::process::Process;

use super::{READY_WITHIN, TestBed, spawn_quietly};

/// The resources of each cluster of the load agents.
const NAMESPACES: usize = 5;

/// The API server of a simulated cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// The cluster's name, also that of the kubeconfig's context.
    pub cluster: String,
    pub address: SocketAddr,
    kubeconfig: PathBuf,
}

/// The options of the load agents.
#[derive(Debug, Clone, Copy)]
pub struct LoadAgents {
    pub clusters: usize,
    pub deployments: usize,
    /// Whether their API servers are reachable from outside the process.
    pub listens: bool,
    /// Whether the agents' connections also answer bare scatters.
    pub scatter: bool,
}

impl TestBed {
    /// Simulated clusters without agents, with this many deployments in each of this many namespaces.
    pub async fn simulator(
        &mut self,
        clusters: usize,
        namespaces: usize,
        deployments: usize,
    ) -> Result<Vec<Api>> {
        let kubeconfig = self.file("kubeconfig");
        let mut command = Command::new(&self.programs.simulator);
        command
            .args(["--clusters", &clusters.to_string()])
            .args(["--namespaces", &namespaces.to_string()])
            .args(["--deployments", &(namespaces * deployments).to_string()])
            .args(["--healthy", "--kubeconfig-out"])
            .arg(&kubeconfig);
        let simulator = spawn_quietly("k8s-sim", command, &self.data)?;
        self.written(simulator, kubeconfig, clusters).await
    }

    /// The real agent of a cluster, as a separate process.
    pub fn agent(&self, api: &Api) -> Result<Process> {
        let creds = self.bus.keys().agent_creds(&api.cluster)?;
        let mut command = Command::new(&self.programs.agent);
        command
            .args(["--cluster-name", &api.cluster])
            .args(["--nats-url", &self.bus.url()])
            .arg("--nats-creds")
            .arg(creds)
            .arg("--kubeconfig")
            .arg(&api.kubeconfig)
            .args(["--context", &api.cluster])
            // No person restarts as fast as the bench.
            .args(["--max-rollouts", "0"]);
        spawn_quietly(&format!("agent {}", api.cluster), command, &self.data)
    }

    /// Starts many clusters with their agents in one process; not all of them are online yet.
    pub async fn load_agents(&mut self, fleet: LoadAgents) -> Result<Vec<Api>> {
        let (creds, kubeconfig) = (self.file("creds"), self.file("kubeconfig"));
        fs::create_dir_all(&creds)?;
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let mut arguments = vec![
            ("--clusters", fleet.clusters.to_string()),
            ("--namespaces", NAMESPACES.to_string()),
            ("--deployments", fleet.deployments.to_string()),
            ("--nats-url", self.bus.url()),
            ("--bus-keys", text(self.bus.keys().aggregator_dir())),
            ("--creds", text(creds)),
            ("--healthy", true.to_string()),
            ("--scatter", fleet.scatter.to_string()),
        ];
        if fleet.listens {
            arguments.push(("--kubeconfig-out", text(kubeconfig.clone())));
        }
        let process = self.start_own("load-agents", &arguments)?;
        if fleet.listens {
            return self.written(process, kubeconfig, fleet.clusters).await;
        }
        self.clusters.push(process);
        Ok(Vec::new())
    }

    /// Waits for the kubeconfig of the clusters, and holds their process.
    async fn written(
        &mut self,
        mut process: Process,
        kubeconfig: PathBuf,
        clusters: usize,
    ) -> Result<Vec<Api>> {
        let text = condition::met("the kubeconfig", READY_WITHIN, async || {
            process.ensure_running()?;
            Ok(fs::read_to_string(&kubeconfig).ok())
        })
        .await?;
        self.clusters.push(process);
        let apis: Option<Vec<Api>> = servers(&text)
            .map(|(cluster, address)| {
                Some(Api {
                    cluster: cluster.to_owned(),
                    address: address.parse().ok()?,
                    kubeconfig: kubeconfig.clone(),
                })
            })
            .collect();
        let apis = apis.context("the kubeconfig names no addresses")?;
        ensure!(apis.len() == clusters, "{} clusters are there", apis.len());
        Ok(apis)
    }
}
