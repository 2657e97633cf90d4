//! The command line of `k8s-sim`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context as _;
use clap::Parser;
use k8s_sim::{Builder, Fault, InvalidFault, Profile, Simulation};

/// Simulated Kubernetes clusters, each an API server of its own.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Arguments {
    /// Where the first cluster listens. With port 0 each cluster gets a free port, otherwise the ports that follow.
    #[arg(long, env = "MCA_SIM_LISTEN", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The host that the kubeconfig names, where clients do not reach the clusters at the address of --listen.
    #[arg(long, env = "MCA_SIM_ADVERTISE", value_name = "HOST", value_parser = parse_host)]
    advertise: Option<String>,
    /// How many clusters: cluster-a, cluster-b, …
    #[arg(long, env = "MCA_SIM_CLUSTERS", default_value_t = 1)]
    clusters: usize,
    /// How many namespaces with deployments each cluster has, `default` being the first.
    #[arg(long, env = "MCA_SIM_NAMESPACES", default_value_t = 5)]
    namespaces: usize,
    /// How many deployments each cluster has.
    #[arg(long, env = "MCA_SIM_DEPLOYMENTS", default_value_t = 20)]
    deployments: usize,
    /// How many StatefulSets each cluster has, beside the deployments.
    #[arg(long, env = "MCA_SIM_STATEFULSETS", default_value_t = 4)]
    statefulsets: usize,
    /// How many DaemonSets each cluster has, in `kube-system`.
    #[arg(long, env = "MCA_SIM_DAEMONSETS", default_value_t = 2)]
    daemonsets: usize,
    /// The file for the kubeconfig, written once all clusters listen: one context for each.
    #[arg(long, env = "MCA_SIM_KUBECONFIG_OUT")]
    pub kubeconfig_out: PathBuf,
    /// Determines names, sizes and log lines.
    #[arg(long, env = "MCA_SIM_SEED", default_value_t = 1)]
    seed: u64,
    /// How many times faster rollouts are than in a real cluster.
    #[arg(long, env = "MCA_SIM_SPEED", default_value_t = 1.0, value_parser = parse_speed)]
    speed: f64,
    /// Make every deployment healthy; without it one hangs on a bad image and one is paused.
    #[arg(long, env = "MCA_SIM_HEALTHY")]
    healthy: bool,
    /// A fault of all clusters, or of one: `latency=200ms`, `status=429,retry-after=3`, `status=403@patch/deployments`,
    /// `hang`, `cluster-b:status=500`. May be given several times.
    #[arg(long = "fault", env = "MCA_SIM_FAULT", value_name = "FAULT")]
    faults: Vec<ClusterFault>,
}

#[derive(Clone, Debug)]
struct ClusterFault {
    cluster: Option<String>,
    fault: Fault,
}

impl FromStr for ClusterFault {
    type Err = InvalidFault;

    fn from_str(text: &str) -> Result<Self, InvalidFault> {
        let (cluster, fault) = match text.split_once(':') {
            Some((cluster, fault)) => (Some(cluster.to_owned()), fault),
            None => (None, text),
        };
        let fault = fault.parse()?;
        Ok(Self { cluster, fault })
    }
}

impl Arguments {
    pub fn builder(&self) -> Builder {
        let profile = if self.healthy {
            Profile::Healthy
        } else {
            Profile::Demo
        };
        let builder = match &self.advertise {
            Some(host) => Simulation::builder().advertise(host),
            None => Simulation::builder(),
        };
        builder
            .listen(self.listen)
            .clusters(self.clusters)
            .namespaces(self.namespaces)
            .deployments(self.deployments)
            .stateful_sets(self.statefulsets)
            .daemon_sets(self.daemonsets)
            .seed(self.seed)
            .speed(self.speed)
            .profile(profile)
    }

    pub fn set_faults(&self, simulation: &Simulation) -> anyhow::Result<()> {
        for ClusterFault { cluster, fault } in &self.faults {
            let concerned = |name: &str| cluster.as_deref().is_none_or(|wanted| wanted == name);
            let mut found = simulation
                .clusters()
                .iter()
                .filter(|c| concerned(c.name()))
                .peekable();
            found.peek().with_context(|| {
                format!(
                    "--fault: there is no {}",
                    cluster.as_deref().unwrap_or("cluster")
                )
            })?;
            for cluster in found {
                cluster.faults().set(fault.clone());
            }
        }
        Ok(())
    }
}

/// Only a name or an address: it becomes part of a URL in YAML.
fn parse_host(text: &str) -> Result<String, String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    if !text.is_empty() && text.bytes().all(legal) {
        Ok(text.to_owned())
    } else {
        Err("must be a host's name or IPv4 address, without a port".to_owned())
    }
}

fn parse_speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| format!("not a number: {text}"))?;
    if speed.is_finite() && speed > 0.0 {
        Ok(speed)
    } else {
        Err("must be positive".to_owned())
    }
}
