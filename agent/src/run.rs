//! The agent's life: everything is put together here, and taken down in order.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::connection::State;
use bus_link::Servers;
use bus_schema::timing::DRAIN_WITHIN;
use bus_schema::{ClusterName, InstanceId, SurveyDeployments};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agent::Agent;
use crate::bus::{Bus, Credential, Desk, Feed, Heart, Purpose, Surveys, connect};
use crate::kubernetes::Access;
use crate::log::Streams;
use crate::verb::routes;

/// What an agent needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// The cluster's name on the bus.
    pub cluster: ClusterName,
    /// Where the bus listens; several servers are separated by commas.
    pub nats_url: String,
    /// The CA that its certificate must be signed by, if it is not one of the system's.
    pub nats_ca: Option<PathBuf>,
    /// The file with the NATS credentials; read again at each connection.
    pub nats_creds: Option<PathBuf>,
    /// The file with their private key, where the other one has the token alone.
    pub nats_seed: Option<PathBuf>,
    /// How the API server is reached.
    pub kubernetes: Access,
}

/// Messages that may wait to be sent while the bus is away.
const QUEUE: usize = 256;

/// Between the last heartbeat and the end of the subscriptions: until then requests come from those who have not heard of
/// the leaving, and from those who have no other agent of the cluster to go to. They are answered as ever.
const LINGER: Duration = Duration::from_secs(1);

const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// Runs an agent until `shutdown` resolves and what it has begun is done.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<()> {
    let Config {
        cluster,
        nats_url,
        nats_ca,
        nats_creds,
        nats_seed: seed,
        kubernetes,
    } = config;
    let servers = Servers::new(&nats_url, nats_ca.as_deref())?;
    let kubernetes = kubernetes
        .open()
        .await
        .context("no way to the API server")?;
    let instance = instance()?;
    let bus = Bus {
        servers,
        credential: nats_creds.map(|file| Credential {
            file,
            seed,
            cluster: cluster.clone(),
        }),
        cluster: cluster.clone(),
        instance: instance.clone(),
    };
    let connected = connect(&bus, Purpose::Requests, QUEUE).await?;
    let routes = routes();
    let verbs = routes
        .iter()
        .map(|route| route.verb.name)
        .chain([SurveyDeployments::VERB])
        .map(str::to_owned)
        .collect();
    let streams = Streams::new(bus, connected.client.clone());
    let agent = Agent::new(cluster, instance, kubernetes, streams, verbs);
    let agent = Arc::new(agent);
    tracing::info!(cluster = %agent.cluster, instance = %agent.instance, "started");

    let (stop, background) = (CancellationToken::new(), TaskTracker::new());
    agent.caches.keep(&agent.kubernetes, &background, &stop);
    let desk = Desk::open(connected.client.clone(), agent.clone(), routes).await?;
    let surveys = Surveys::open(connected.client.clone(), agent.clone()).await?;
    let heart = Heart::new(&connected, agent.clone()).await?;
    let feed = Feed::new(connected.client.clone(), agent.clone());
    background.spawn(stop.clone().run_until_cancelled_owned(feed.run()));
    let beating = CancellationToken::new();
    let heart = tokio::spawn(heart.run(beating.clone()));

    shutdown.await;
    tracing::info!("leaving");
    beating.cancel();
    heart.await.context("the heart stopped by itself")?;
    // A log that is followed never ends by itself; its reader may go to another agent of the cluster at once.
    tokio::join!(agent.streams.close(), sleep(LINGER));
    let within = DRAIN_WITHIN - LINGER - FLUSH_WITHIN;
    tokio::join!(desk.close(within), surveys.close(within));
    stop.cancel();
    background.close();
    background.wait().await;
    // It hangs while the bus is away, and nobody is there to hear it then.
    let is_up = connected.client.connection_state() == State::Connected;
    if !is_up
        || timeout(FLUSH_WITHIN, connected.client.flush())
            .await
            .is_err()
    {
        tracing::warn!("the bus is away: the last answers, if there were any, were not sent");
    }
    Ok(())
}

fn instance() -> Result<InstanceId> {
    let id = format!("{:016x}", rand::random::<u64>());
    Ok(InstanceId::try_from(id)?)
}
