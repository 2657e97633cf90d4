//! Many clusters in one process: simulated API servers, and for each a real agent with its own connection and credential. Only the
//! sockets between an agent and its API server are left out.

use std::path::{Path, PathBuf};

use agent::{Access, Config, Running, shutdown};
use anyhow::{Context, Result, ensure};
use async_nats::{Client, Message};
use bus_keys::{AggregatorKeys, private_file};
use bus_schema::ClusterName;
use bytes::Bytes;
use clap::Parser;
use futures::StreamExt;
use futures::stream::{self, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use k8s_sim::{Cluster, Profile, Simulation};

/// The subject of the bare scatter: responders return as many bytes as the request says.
const SCATTER: &str = "fleet.bench";

/// The maximum size of one cluster's part of a page.
const LARGEST: usize = 1 << 20;

/// Agents that start at the same time.
const STARTING: usize = 64;

/// Simulated clusters, each with its agent on the bus.
#[derive(Parser)]
struct Arguments {
    #[arg(long)]
    clusters: usize,
    /// Namespaces with deployments in each cluster.
    #[arg(long)]
    namespaces: usize,
    /// Deployments in each cluster.
    #[arg(long)]
    deployments: usize,
    /// StatefulSets in each cluster.
    #[arg(long, default_value_t = 0)]
    statefulsets: usize,
    /// DaemonSets in each cluster.
    #[arg(long, default_value_t = 0)]
    daemonsets: usize,
    /// Make every deployment healthy; without it one hangs on a bad image and one is paused.
    #[arg(long, action = clap::ArgAction::Set, default_value_t = false)]
    healthy: bool,
    #[arg(long)]
    nats_url: String,
    /// The directory with the keys that sign agents' credentials.
    #[arg(long)]
    bus_keys: PathBuf,
    /// The directory to which the credentials are written.
    #[arg(long)]
    creds: PathBuf,
    /// Let the API servers listen on TCP, and write their addresses to this file once all agents have been started.
    #[arg(long)]
    kubeconfig_out: Option<PathBuf>,
    /// Also answer bare scatters.
    #[arg(long, action = clap::ArgAction::Set, default_value_t = false)]
    scatter: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    bus_link::LogFormat::Text.install();
    let arguments = Arguments::parse();
    let simulation = simulation(&arguments).await?;
    let keys = AggregatorKeys::open(&arguments.bus_keys)?;
    let agents: Vec<Running> = stream::iter(simulation.clusters())
        .map(|cluster| start(cluster, &keys, &arguments))
        .buffer_unordered(STARTING)
        .try_collect()
        .await?;
    ensure!(agents.len() == arguments.clusters, "an agent is missing");
    if let Some(file) = &arguments.kubeconfig_out {
        simulation.write_kubeconfig(file)?;
    }
    shutdown::signalled().await;
    Ok(())
}

async fn simulation(arguments: &Arguments) -> Result<Simulation> {
    let builder = Simulation::builder()
        .clusters(arguments.clusters)
        .namespaces(arguments.namespaces)
        .deployments(arguments.deployments)
        .stateful_sets(arguments.statefulsets)
        .daemon_sets(arguments.daemonsets)
        .profile(match arguments.healthy {
            true => Profile::Healthy,
            false => Profile::Demo,
        })
        // The watches follow immediately: no one needs older changes.
        .history(256);
    let builder = match arguments.kubeconfig_out {
        Some(_) => builder,
        None => builder.without_listeners(),
    };
    Ok(builder.start().await?)
}

async fn start(cluster: &Cluster, keys: &AggregatorKeys, arguments: &Arguments) -> Result<Running> {
    let name: ClusterName = cluster.name().parse()?;
    let config = Config {
        nats_creds: Some(credential(&name, keys, &arguments.creds)?),
        cluster: name.clone(),
        nats_url: arguments.nats_url.clone(),
        nats_ca: None,
        nats_seed: None,
        renewed_token: agent::RenewedToken::default(),
        verbs: bus_schema::AllowedVerbs::all(),
        max_rollouts: 0,
        kubernetes: Access::Client(cluster.client()),
    };
    let agent = Box::pin(Running::start(config)).await;
    let agent = agent.with_context(|| format!("the agent of {name} does not start"))?;
    if arguments.scatter {
        let questions = agent.bus().subscribe(SCATTER).await?;
        let client = agent.bus().clone();
        let subject = format!("agent.{name}.bench");
        tokio::spawn(
            questions.for_each(move |question| answer(client.clone(), subject.clone(), question)),
        );
    }
    Ok(agent)
}

fn credential(name: &ClusterName, keys: &AggregatorKeys, dir: &Path) -> Result<PathBuf> {
    let now = Timestamp::now();
    let (_, text) = keys.agent_credentials(name, (now, now + SignedDuration::from_hours(24)));
    let file = dir.join(format!("{name}.creds"));
    private_file(&file, text.expose())?;
    Ok(file)
}

/// The request begins with the number of bytes to return, and with the reply subject below `subject`.
async fn answer(client: Client, subject: String, question: Message) {
    static BYTES: [u8; LARGEST] = [b'x'; LARGEST];
    let text = str::from_utf8(&question.payload).unwrap_or_default();
    let mut words = text.split(' ');
    let number = words.next().and_then(|text| text.parse().ok());
    let length = number.unwrap_or(0_usize).min(LARGEST);
    let subject = format!("{subject}.{}", words.next().unwrap_or_default());
    let answer = Bytes::from_static(&BYTES[..length]);
    if let Err(error) = client.publish(subject, answer).await {
        eprintln!("a scatter is not answered: {error}");
    }
}
