//! A bus of three nats-servers, with what is kept on all of them: one may be lost.

use async_nats::{ConnectOptions, jetstream};
use axum::http::StatusCode;
use k8s_sim::Simulation;
use serde_json::json;
use tempfile::TempDir;
use xtask::authority::Authority;
use xtask::condition;
use xtask::nats_cluster::NatsCluster;
use xtask::nats_server::NatsServer;

use crate::stack::{PATIENCE, RunningAgent, Service, write_users};

struct Clustered {
    nats: NatsCluster,
    authority: Authority,
    service: Service,
    agent: RunningAgent,
    _sim: Simulation,
    dir: TempDir,
}

impl Clustered {
    async fn start() -> Self {
        let dir = TempDir::new().expect("a directory");
        let authority = Authority::new(&dir.path().join("authority")).expect("an authority");
        let certificate = authority.certificate().expect("a certificate");
        let nats = NatsCluster::start(&dir.path().join("nats"), Some(certificate)).await;
        let nats = nats.expect("three nats-servers");
        let sim = Simulation::builder().clusters(1).namespaces(1);
        let sim = sim.deployments(3).speed(20.0).start().await;
        let sim = sim.expect("a simulated cluster");
        write_users(&dir.path().join("users.json"));
        let mut settings = Service::settings(dir.path(), &nats.url());
        settings.nats_ca = Some(authority.file());
        settings.jetstream_replicas = 3;
        let service = Service::of(settings).await.expect("the aggregator starts");
        let kubeconfig = dir.path().join("kubeconfig");
        sim.write_kubeconfig(&kubeconfig).expect("a kubeconfig");
        let agent = RunningAgent::start(agent::Config {
            cluster: "cluster-a".parse().expect("a name"),
            nats_url: nats.url(),
            nats_ca: Some(authority.file()),
            nats_creds: Some(nats.keys().agent_creds("cluster-a").expect("credentials")),
            nats_seed: None,
            kubernetes: agent::Access::new(Some(kubeconfig), None),
        });
        let token = service.token("admin").await;
        service.online(1, &token).await;
        Self {
            nats,
            authority,
            service,
            agent,
            _sim: sim,
            dir,
        }
    }

    async fn connect(
        &self,
        creds: &std::path::Path,
        url: &str,
    ) -> Result<async_nats::Client, async_nats::ConnectError> {
        let options = ConnectOptions::with_credentials_file(creds).await;
        let options = options
            .expect("credentials")
            .add_root_certificates(self.authority.file());
        options.max_reconnects(1).connect(url).await
    }

    /// How many of the other servers have all that the leader of a stream has; `None` while there is no leader.
    async fn current(&self, stream: &str) -> Option<usize> {
        let creds = self.nats.keys().admin_creds().ok()?;
        let options = ConnectOptions::with_credentials_file(creds).await.ok()?;
        let options = options.add_root_certificates(self.authority.file());
        let urls: Vec<_> = self.nats.servers.iter().map(NatsServer::url).collect();
        let client = options.connect(urls).await.ok()?;
        let stream = jetstream::new(client).get_stream(stream).await.ok()?;
        let cluster = stream.cached_info().cluster.as_ref()?;
        cluster.leader.as_ref()?;
        Some(
            cluster
                .replicas
                .iter()
                .filter(|peer| peer.current && !peer.offline)
                .count(),
        )
    }

    async fn replicated(&self) {
        for stream in [
            "AUDIT",
            "KV_sessions",
            "KV_clusters",
            "KV_operations",
            "KV_credentials",
        ] {
            condition::met(stream, PATIENCE, async || {
                Ok((self.current(stream).await == Some(2)).then_some(()))
            })
            .await
            .expect("on all three servers");
        }
    }

    /// Signs in, restarts a deployment, and finds it in the audit.
    async fn restart(&self) {
        let token = self
            .service
            .until("a sign-in", async || self.try_token().await)
            .await;
        self.service.online(1, &token).await;
        let (namespace, name) = self.service.healthy("cluster-a", &token).await;
        let target =
            json!({"cluster": "cluster-a", "namespace": namespace, "deployment_name": name});
        let restarted = self.service.until("a restart", async || {
            let restarted = self.service.post("/restart", &token, &target).await;
            (restarted.status == StatusCode::OK).then_some(restarted)
        });
        let id = restarted.await.body["operation_id"].clone();
        self.service
            .until("its outcome in the audit", async || {
                let audit = self.service.get("/audit?cluster=cluster-a", &token).await;
                let lines = audit.body["items"].as_array()?.clone();
                let done = |line: &serde_json::Value| {
                    line["operation_id"] == id && line["outcome"] == "succeeded"
                };
                lines.iter().any(done).then_some(())
            })
            .await;
    }

    async fn try_token(&self) -> Option<String> {
        let body = json!({"username": "admin", "password": crate::stack::PASSWORD});
        let answer = self.service.post("/login", "", &body).await;
        answer.body["access_token"].as_str().map(str::to_owned)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_of_three_servers_lost_everything_goes_on_and_it_catches_up() {
    let mut this = Clustered::start().await;
    this.replicated().await;
    this.restart().await;
    for lost in 0..3 {
        this.nats.servers[lost].kill().await.unwrap();
        this.restart().await;
        this.nats.servers[lost].restart().await.unwrap();
        this.replicated().await;
    }
    this.agent.stop().await;
}
