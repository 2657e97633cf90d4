//! The whole stack in one process, except the nats-server.

use std::path::Path;

use async_nats::Subscriber;
use futures::StreamExt as _;
use identity::password::{self, Password};
use k8s_sim::Simulation;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use xtask::nats_server::NatsServer;

use crate::service::{PASSWORD, PATIENCE, Service};

pub struct Stack {
    pub nats: NatsServer,
    pub sim: Simulation,
    pub agents: Vec<RunningAgent>,
    pub service: Service,
    pub dir: TempDir,
}

/// One agent on its own runtime, like a separate process.
pub struct RunningAgent {
    stop: oneshot::Sender<()>,
    task: JoinHandle<anyhow::Result<()>>,
    runtime: Own,
}

/// A runtime that can be dropped where blocking is not allowed.
struct Own(Option<Runtime>);

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Stack {
    /// One aggregator and agents on this many clusters, all online.
    pub async fn start(clusters: usize) -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let nats = NatsServer::start(&dir.path().join("nats"))
            .await
            .expect("a nats-server");
        let sim = Simulation::builder()
            .clusters(clusters)
            .namespaces(2)
            .deployments(4)
            .speed(20.0);
        let sim = sim.start().await.expect("simulated clusters");
        write_users(&dir.path().join("users.json"));
        let service = Service::start(&dir, &nats.url()).await;
        let mut stack = Self {
            nats,
            sim,
            agents: vec![],
            service,
            dir,
        };
        let names = stack.sim.clusters().iter().map(|cluster| cluster.name());
        stack.agents = names
            .map(|name| stack.agent(name, name, &stack.nats.url()))
            .collect();
        stack.online(clusters).await;
        stack
    }

    /// Starts an agent of this name for this simulated cluster.
    pub fn agent(&self, name: &str, context: &str, nats_url: &str) -> RunningAgent {
        RunningAgent::start(self.config(name, context, nats_url))
    }

    /// The configuration of such an agent.
    pub fn config(&self, name: &str, context: &str, nats_url: &str) -> agent::Config {
        let kubeconfig = self.dir.path().join("kubeconfig");
        self.sim
            .write_kubeconfig(&kubeconfig)
            .expect("the folder is writable");
        agent::Config {
            cluster: name.parse().expect("a cluster name"),
            nats_url: nats_url.to_owned(),
            nats_ca: None,
            nats_creds: Some(self.nats.keys().agent_creds(name).expect("credentials")),
            nats_seed: None,
            renewed_token: agent::RenewedToken::default(),
            verbs: bus_schema::AllowedVerbs::all(),
            max_rollouts: 0,
            kubernetes: agent::Access::new(Some(kubeconfig), Some(context.to_owned())),
        }
    }

    /// A connection to the bus with all permissions.
    pub async fn admin(&self) -> async_nats::Client {
        let creds = self.nats.keys().admin_creds().expect("credentials");
        let options = async_nats::ConnectOptions::with_credentials_file(creds).await;
        let client = options.expect("credentials").connect(self.nats.url()).await;
        client.expect("a connection")
    }

    /// The messages on a subject from now on. The server handles the messages of a connection in order: a message that came back
    /// was sent after the subscription.
    pub async fn subscribed(&self, subject: &'static str) -> Subscriber {
        let admin = self.admin().await;
        let subscribed = admin.subscribe(subject).await.expect("a subscription");
        let mut ready = admin.subscribe("ready").await.expect("a subscription");
        let sent = admin.publish("ready", "".into()).await;
        sent.expect("a connection");
        let came = timeout(PATIENCE, ready.next()).await;
        came.expect("a message in time").expect("a connection");
        subscribed
    }

    /// Waits until this many clusters are online and their caches filled.
    pub async fn online(&self, clusters: usize) {
        let token = self.service.token("admin").await;
        self.service.online(clusters, &token).await;
    }

    /// Waits until these clusters are known and online.
    pub async fn known(&self, clusters: &[&str]) {
        let token = self.service.token("admin").await;
        self.service.known(clusters, &token).await;
    }

    /// Changes the users file while it is in use.
    pub fn edit_users(&self, change: impl FnOnce(&mut Value)) {
        let path = self.dir.path().join("users.json");
        let text = std::fs::read_to_string(&path).expect("the file is there");
        let mut document: Value = serde_json::from_str(&text).expect("it is JSON");
        change(&mut document["users"]);
        std::fs::write(&path, document.to_string()).expect("the folder is writable");
    }

    /// The namespace and name of a healthy deployment of a cluster.
    pub async fn healthy(&self, cluster: &str) -> (String, String) {
        let token = self.service.token("admin").await;
        self.service.healthy(cluster, &token).await
    }
}

impl RunningAgent {
    pub fn start(config: agent::Config) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let (stop, stopped) = oneshot::channel::<()>();
        let task = runtime.spawn(agent::run(config, async move { drop(stopped.await) }));
        let runtime = Own(Some(runtime));
        Self {
            stop,
            task,
            runtime,
        }
    }

    /// Stops it as SIGTERM does.
    pub async fn stop(self) {
        drop(self.stop);
        let ended = tokio::time::timeout(PATIENCE, self.task).await;
        ended
            .expect("the agent ends in time")
            .expect("the agent does not panic")
            .expect("the agent ends well");
    }

    /// Stops all of it like SIGKILL: without a shutdown.
    pub fn kill(self) {
        drop(self.runtime);
    }
}

/// An administrator, and users with fewer rights.
pub fn write_users(path: &Path) {
    let hash = password::hash(&Password::from(PASSWORD.to_owned()))
        .expect("a hash")
        .expose();
    let user = |role: &str, clusters: &str, namespaces: &str| json!({"password_hash": hash, "grants": [{"role": role, "clusters": [clusters], "namespaces": [namespaces]}]});
    let users = json!({"users": {
        "admin": user("admin", "*", "*"),
        "viewer": user("viewer", "*", "*"),
        "restarter-b": user("restarter", "cluster-b", "*"),
        "pay": user("viewer", "*", "pay"),
        "pieces": {"password_hash": hash, "grants": [
            {"role": "viewer", "clusters": ["cluster-a"], "namespaces": ["pay"]},
            {"role": "viewer", "clusters": ["cluster-b"], "namespaces": ["default"]},
        ]},
        "default": user("viewer", "*", "default"),
        "pay-default": user("viewer", "*", "*default*"),
        "other": user("viewer", "*", "d*"),
        "nobody": {"password_hash": hash, "grants": []},
    }});
    std::fs::write(path, users.to_string()).expect("the folder is writable");
}
