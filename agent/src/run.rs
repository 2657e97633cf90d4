//! The agent's lifecycle: everything is wired together here, and shut down in order.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::Client;
use async_nats::connection::State;
use bus_link::Servers;
use bus_schema::timing::DRAIN_WITHIN;
use bus_schema::{AllowedVerbs, ClusterName, FleetQueryRequest, InstanceId};
use kube::Api;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agent::Agent;
use crate::bus::{
    Bus, Connected, Credential, Feed, FleetQueries, HeartbeatInterval, HeartbeatSender, Purpose,
    Renewal, RequestServer, connect,
};
use crate::kubernetes::{Access, Kubernetes};
use crate::log::Streams;
use crate::rollout_limit::RolloutLimit;
use crate::token_store::TokenStore;
use crate::verb::routes;

/// The agent's configuration.
#[derive(Clone)]
pub struct Config {
    /// The cluster's name on the bus.
    pub cluster: ClusterName,
    /// The address of the bus; several servers are separated by commas.
    pub nats_url: String,
    /// The CA that must have signed its certificate, if it is not one of the system's.
    pub nats_ca: Option<PathBuf>,
    /// The file with the NATS credentials; read again at each connection.
    pub nats_creds: Option<PathBuf>,
    /// The file with their private key, if the other file contains only the token.
    pub nats_seed: Option<PathBuf>,
    /// Where a renewed credential's token is stored.
    pub renewed_token: RenewedToken,
    /// The mutations that it carries out.
    pub verbs: AllowedVerbs,
    /// The most rollouts under way that it has begun; 0: any number.
    pub max_rollouts: usize,
    /// How the API server is reached.
    pub kubernetes: Access,
}

/// Where a newer token for the same private key is stored across restarts.
#[derive(Debug, Clone, Default)]
pub struct RenewedToken {
    /// The file from which it is read, and to which it is written unless there is a ConfigMap; absent: the file of the credentials with
    /// `.renewed` appended.
    pub file: Option<PathBuf>,
    /// The ConfigMap of the agent's own namespace that is mounted there.
    pub config_map: Option<String>,
}

/// Messages that may be queued while the bus is unreachable.
const QUEUE: usize = 256;

/// The time between the last heartbeat and the end of the subscriptions: until then requests arrive from requesters that have not yet
/// noticed the shutdown or have no other agent of the cluster. They are served as usual.
const LINGER: Duration = Duration::from_secs(1);

const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// Runs an agent until `shutdown` resolves and accepted requests are finished.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<()> {
    let running = Running::start(config).await?;
    shutdown.await;
    running.stop().await
}

/// A running agent. Dropped without [`stop`](Self::stop), it continues until its runtime ends.
pub struct Running {
    connected: Connected,
    agent: Arc<Agent>,
    requests: RequestServer,
    fleet_queries: FleetQueries,
    heartbeats: JoinHandle<()>,
    beating: CancellationToken,
    background: TaskTracker,
    stop: CancellationToken,
}

impl Running {
    /// Starts it, even if the bus and the API server are unreachable.
    ///
    /// # Errors
    /// If the configuration, the credential or the access to the API server is invalid.
    pub async fn start(config: Config) -> Result<Self> {
        let kubernetes = config.kubernetes.clone().open().await;
        let kubernetes = kubernetes.context("cannot set up the connection to the API server")?;
        let bus = config.bus()?;
        let store = config.token_store(&kubernetes);
        let connected = connect(&bus, Purpose::Requests, QUEUE).await?;
        let (routes, verbs) = (routes(), verbs());
        let (cluster, instance) = (bus.cluster.clone(), bus.instance.clone());
        let credential = bus.credential.clone();
        let streams = Streams::new(bus, connected.client.clone());
        let agent = Agent::new(
            cluster,
            instance,
            kubernetes,
            streams,
            verbs,
            config.verbs.clone(),
            RolloutLimit::new(config.max_rollouts),
        );
        let agent = Arc::new(agent);
        tracing::info!(cluster = %agent.cluster, instance = %agent.instance, "started");

        let (stop, background) = (CancellationToken::new(), TaskTracker::new());
        agent.caches.spawn(&agent.kubernetes, &background, &stop);
        let requests = RequestServer::open(connected.client.clone(), agent.clone(), routes).await?;
        let fleet_queries = FleetQueries::open(connected.client.clone(), agent.clone()).await?;
        let heartbeats = HeartbeatSender::new(&connected, agent.clone()).await?;
        let feed = Feed::new(connected.client.clone(), agent.clone());
        background.spawn(stop.clone().run_until_cancelled_owned(feed.run()));
        if let (Some(credential), Some(store)) = (credential, store) {
            let renewal = Renewal::new(&connected, agent.clone(), credential, store).await?;
            background.spawn(stop.clone().run_until_cancelled_owned(renewal.run()));
        }
        let beating = CancellationToken::new();
        Ok(Self {
            heartbeats: tokio::spawn(heartbeats.run(beating.clone())),
            connected,
            agent,
            requests,
            fleet_queries,
            beating,
            background,
            stop,
        })
    }

    /// Its connection to the bus.
    pub fn bus(&self) -> &Client {
        &self.connected.client
    }

    /// Sends the last heartbeat, answers the requests received by then, and stops.
    pub async fn stop(self) -> Result<()> {
        tracing::info!("shutting down");
        self.beating.cancel();
        self.heartbeats
            .await
            .context("the heartbeat task stopped by itself")?;
        // A followed log never ends by itself; its reader can switch to another agent of the cluster immediately.
        tokio::join!(self.agent.streams.close(), sleep(LINGER));
        let within = DRAIN_WITHIN - LINGER - FLUSH_WITHIN;
        tokio::join!(
            self.requests.close(within),
            self.fleet_queries.close(within)
        );
        self.stop.cancel();
        self.background.close();
        self.background.wait().await;
        // Flushing hangs while the bus is unreachable, and then no one would receive it.
        let client = &self.connected.client;
        let is_up = client.connection_state() == State::Connected;
        if !is_up || timeout(FLUSH_WITHIN, client.flush()).await.is_err() {
            tracing::warn!("disconnected from the bus: the last responses, if any, were not sent");
        }
        Ok(())
    }
}

impl Config {
    fn renewed_file(&self) -> Option<PathBuf> {
        let beside = || {
            let mut name = self.nats_creds.clone()?.into_os_string();
            name.push(".renewed");
            Some(PathBuf::from(name))
        };
        self.renewed_token.file.clone().or_else(beside)
    }

    fn token_store(&self, kubernetes: &Kubernetes) -> Option<TokenStore> {
        match &self.renewed_token.config_map {
            Some(name) => Some(TokenStore::ConfigMap {
                maps: Box::new(Api::default_namespaced(kubernetes.client().clone())),
                name: name.clone(),
            }),
            None => self.renewed_file().map(TokenStore::File),
        }
    }

    fn bus(&self) -> Result<Bus> {
        let renewed = self.renewed_file();
        let credential = self.nats_creds.clone().zip(renewed).map(|(file, renewed)| {
            let files = (file, self.nats_seed.clone());
            Credential::new(files, self.cluster.clone(), renewed)
        });
        Ok(Bus {
            servers: Servers::new(&self.nats_url, self.nats_ca.as_deref())?,
            credential,
            cluster: self.cluster.clone(),
            instance: instance()?,
            heartbeat_interval: HeartbeatInterval::default(),
        })
    }
}

/// The supported verbs, as heartbeats list them.
fn verbs() -> Vec<String> {
    let routes = routes();
    let verbs = routes.iter().map(|route| route.verb.name);
    let verbs = verbs.chain([FleetQueryRequest::VERB]);
    verbs.map(str::to_owned).collect()
}

fn instance() -> Result<InstanceId> {
    let id = format!("{:016x}", rand::random::<u64>());
    Ok(InstanceId::try_from(id)?)
}
