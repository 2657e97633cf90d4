//! The simulated clusters with their agents, and what the API servers say of the workloads.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;
use xtask::condition;
use xtask::data_dir::DataDir;
use xtask::http;
use xtask::kubeconfig::servers;
use xtask::process::{Group, Process};
use xtask::programs::Programs;

const WRITTEN_WITHIN: Duration = Duration::from_secs(60);

const REVISION: &str = "deployment.kubernetes.io/revision";

/// The API server of a cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub name: String,
    address: SocketAddr,
    kubeconfig: PathBuf,
}

/// Starts the API servers, each with this number of workloads.
pub async fn simulate(
    programs: &Programs,
    data: &DataDir,
    (clusters, workloads, speed): (usize, usize, f64),
) -> Result<(Process, Vec<Cluster>)> {
    let kubeconfig = data.file("kubeconfig");
    let mut command = Command::new(&programs.simulator);
    command
        .args(["--clusters", &clusters.to_string()])
        .args(["--namespaces", "2"])
        .args(["--deployments", &workloads.to_string()])
        .args(["--speed", &speed.to_string()])
        .args(["--healthy", "--kubeconfig-out"])
        .arg(&kubeconfig)
        .env("RUST_LOG", "warn");
    Group::Shared.apply(&mut command);
    let mut simulator = Process::spawn("k8s-sim", command, &data.log("k8s-sim")?)?;
    let text = condition::met("the kubeconfig", WRITTEN_WITHIN, async || {
        simulator.ensure_running()?;
        Ok(fs::read_to_string(&kubeconfig).ok())
    })
    .await?;
    let all = servers(&text).filter_map(|(name, server)| {
        Some(Cluster {
            name: name.to_owned(),
            address: server.parse().ok()?,
            kubeconfig: kubeconfig.clone(),
        })
    });
    let all: Vec<_> = all.collect();
    ensure!(all.len() == clusters, "{} clusters are there", all.len());
    Ok((simulator, all))
}

impl Cluster {
    /// Its agent.
    pub fn agent(
        &self,
        program: &Path,
        url: &str,
        creds: &Path,
        data: &DataDir,
    ) -> Result<Process> {
        let mut command = Command::new(program);
        command
            .args([
                "--cluster-name",
                &self.name,
                "--nats-url",
                url,
                "--nats-creds",
            ])
            .arg(creds)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(["--context", &self.name])
            .env("MCA_LOG", "warn,async_nats=off");
        Group::Shared.apply(&mut command);
        let name = format!("agent {}", self.name);
        Process::spawn(&name, command, &data.log(&name)?)
    }

    /// The revisions of each workload that has one, from its ReplicaSets: `namespace/name` and the number of each.
    pub async fn revisions(&self) -> Result<BTreeMap<String, Vec<u64>>> {
        let answer = http::get(self.address, "/apis/apps/v1/replicasets", None).await?;
        ensure!(answer.status == 200, "{}: {}", self.name, answer.body);
        let list = answer.json()?;
        let mut revisions: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for item in list["items"].as_array().context("no items")? {
            let (workload, revision) = revision(item).context("a ReplicaSet without an owner")?;
            revisions.entry(workload).or_default().push(revision);
        }
        Ok(revisions)
    }
}

fn revision(replica_set: &Value) -> Option<(String, u64)> {
    let metadata = &replica_set["metadata"];
    let namespace = metadata["namespace"].as_str()?;
    let owner = metadata["ownerReferences"][0]["name"].as_str()?;
    let revision = metadata["annotations"][REVISION].as_str()?.parse().ok()?;
    Some((format!("{namespace}/{owner}"), revision))
}
