//! The test environment: a cluster, a bus, agents in this process, and a requester.

use std::path::{Path, PathBuf};
use std::time::Duration;

use agent::{Access, Config};
use anyhow::Result;
use async_nats::{Client, ConnectOptions, Message, Request as Ask};
use bus_schema::verb::{ClusterInfo, GetInfo};
use bus_schema::{ClusterName, Fault, Request, subject};
use bytes::Bytes;
use k8s_sim::Simulation;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use xtask::condition;
use xtask::nats_server::NatsServer;

/// A timeout longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Stage {
    pub nats: NatsServer,
    /// A client that may do everything.
    pub client: Client,
    pub cluster: ClusterName,
    /// The agents' credentials.
    pub creds: PathBuf,
    /// The CA of the bus.
    pub ca: Option<PathBuf>,
    /// The administrator of the cluster.
    pub admin: kube::Client,
    pub kubeconfig: PathBuf,
    dirs: Vec<TempDir>,
}

/// An agent in this process.
pub struct Running {
    stop: CancellationToken,
    task: JoinHandle<Result<()>>,
}

impl Running {
    /// Stops it as SIGTERM does.
    pub fn leave(&self) {
        self.stop.cancel();
    }

    /// Stops it as SIGKILL does, for tests without a bus.
    pub async fn gone(self) {
        self.task.abort();
        drop(self.task.await);
    }

    pub async fn left(self) {
        self.leave();
        let ended = timeout(PATIENCE, self.task).await;
        let ended = ended.expect("the agent ends in time");
        ended.expect("no panic").expect("no error");
    }
}

impl Stage {
    pub async fn new(admin: kube::Client, kubeconfig: &Path) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let nats = NatsServer::start(dir.path()).await.expect("a nats-server");
        Self::on(nats, None, admin, kubeconfig, dir).await
    }

    /// On an existing bus; `ca` is its CA.
    pub async fn on(
        nats: NatsServer,
        ca: Option<PathBuf>,
        admin: kube::Client,
        kubeconfig: &Path,
        dir: TempDir,
    ) -> Self {
        let keys = nats.keys();
        let admin_creds = keys.admin_creds().expect("credentials");
        let options = ConnectOptions::with_credentials_file(admin_creds).await;
        let mut options = options.expect("credentials");
        if let Some(ca) = &ca {
            options = options.add_root_certificates(ca.clone());
        }
        let client = options.connect(nats.url()).await;
        let cluster = "cluster-a";
        let creds = keys.agent_creds(cluster).expect("credentials");
        Self {
            client: client.expect("a connection"),
            cluster: cluster.parse().expect("a name"),
            creds,
            ca,
            nats,
            admin,
            kubeconfig: kubeconfig.to_owned(),
            dirs: vec![dir],
        }
    }

    /// A simulated cluster without deployments, and an agent that has read it.
    pub async fn simulated() -> (Simulation, Self, Running) {
        let sim = Simulation::builder().speed(20.0).start().await;
        Self::with(sim.expect("a simulation")).await
    }

    /// The first cluster of a simulation, and an agent that has read it.
    pub async fn with(sim: Simulation) -> (Simulation, Self, Running) {
        let dir = tempfile::tempdir().expect("a directory");
        let kubeconfig = dir.path().join("kubeconfig");
        sim.write_kubeconfig(&kubeconfig).expect("a kubeconfig");
        let mut stage = Self::new(sim.clusters()[0].client(), &kubeconfig).await;
        stage.dirs.push(dir);
        let agent = stage.agent();
        stage.ready().await;
        (sim, stage, agent)
    }

    pub fn config(&self) -> Config {
        Config {
            cluster: self.cluster.clone(),
            nats_url: self.nats.url(),
            nats_ca: self.ca.clone(),
            nats_creds: Some(self.creds.clone()),
            nats_seed: None,
            renewed_token: agent::RenewedToken::default(),
            verbs: bus_schema::AllowedVerbs::all(),
            max_rollouts: 0,
            kubernetes: Access::new(Some(self.kubeconfig.clone()), None),
        }
    }

    /// Starts an agent; it answers shortly afterwards.
    pub fn agent(&self) -> Running {
        self.agent_with(self.config())
    }

    /// Starts one with a changed configuration.
    pub fn agent_with(&self, config: Config) -> Running {
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        Running {
            task: tokio::spawn(agent::run(config, stopped)),
            stop,
        }
    }

    /// Waits until an agent that has read the cluster answers.
    pub async fn ready(&self) -> ClusterInfo {
        condition::met("an agent that has read its cluster", PATIENCE, async || {
            let info = self.try_ask(&GetInfo {}).await;
            Ok(info.filter(|info| info.counts.is_some() && info.kubernetes_version.is_some()))
        })
        .await
        .expect("ready")
    }

    /// Sends a request as an aggregator does; `None` if no one answers.
    pub async fn try_ask<R: Request>(&self, request: &R) -> Option<R::Reply> {
        let payload = serde_json::to_vec(request).expect("JSON");
        let message = self.raw(R::VERB, payload.into()).await?;
        read(&message).ok()
    }

    pub async fn ask<R: Request>(&self, request: &R) -> Result<R::Reply, Fault> {
        let payload = serde_json::to_vec(request).expect("JSON");
        read(&self.raw(R::VERB, payload.into()).await.expect("an answer"))
    }

    pub async fn ask_text<R: Request>(&self, payload: &str) -> Result<R::Reply, Fault> {
        let payload = Bytes::from(payload.to_owned());
        read(&self.raw(R::VERB, payload).await.expect("an answer"))
    }

    pub async fn raw(&self, verb: &str, payload: Bytes) -> Option<Message> {
        let subject = subject::aggregator_request(&self.cluster, verb);
        let ask = Ask::new()
            .inbox(self.client.new_inbox())
            .payload(payload)
            .timeout(Some(Duration::from_secs(20)));
        self.client.send_request(subject, ask).await.ok()
    }

    /// Sends a request as a person does.
    pub async fn ask_as_person<R: Request>(
        &self,
        client: &Client,
        request: &R,
    ) -> Result<R::Reply, Fault> {
        let payload = serde_json::to_vec(request).expect("JSON");
        let subject = subject::request(&self.cluster, R::VERB);
        // On the client's shared inbox subscription: a person may not have many subscriptions.
        let message = client.request(subject, payload.into()).await;
        read(&message.expect("an answer"))
    }
}

/// A fault must be the same in the convention's headers and in the body.
pub fn read<T: serde::de::DeserializeOwned>(message: &Message) -> Result<T, Fault> {
    let header = |name: &str| Some(message.headers.as_ref()?.get(name)?.as_str().to_owned());
    let Some(error) = header("Nats-Service-Error") else {
        return Ok(serde_json::from_slice(&message.payload).expect("the reply of the contract"));
    };
    let fault: Fault = serde_json::from_slice(&message.payload).expect("a fault in the body");
    assert_eq!(error, fault.header());
    let code = header("Nats-Service-Error-Code").expect("a code");
    assert_eq!(code, fault.code.status().to_string());
    Err(fault)
}
