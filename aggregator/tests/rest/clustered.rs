//! A bus of three nats-servers, with all data on all of them: it tolerates the loss of one.

use std::path::Path;
use std::time::{Duration, Instant};

use async_nats::{ConnectErrorKind, ConnectOptions, jetstream};
use axum::http::StatusCode;
use k8s_sim::Simulation;
use serde_json::json;
use tempfile::TempDir;
use xtask::authority::Authority;
use xtask::condition;
use xtask::nats_cluster::NatsCluster;
use xtask::nats_server::NatsServer;
use xtask::process::Signal;

use crate::secured::unpacked;
use crate::service::{PATIENCE, Service};
use crate::stack::{RunningAgent, write_users};

struct Clustered {
    nats: NatsCluster,
    authority: Authority,
    service: Service,
    deployment: (String, String),
    agent: RunningAgent,
    _sim: Simulation,
    dir: TempDir,
}

/// Before the server starts to disconnect clients that have not left by themselves.
const LAME_DUCK_GRACE: Duration = Duration::from_secs(9);

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
        settings.bus.nats_ca = Some(authority.file());
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
            renewed_token: agent::RenewedToken::default(),
            verbs: bus_schema::AllowedVerbs::all(),
            max_rollouts: 0,
            kubernetes: agent::Access::new(Some(kubeconfig), None),
        });
        let token = service.token("admin").await;
        service.online(1, &token).await;
        Self {
            deployment: service.healthy("cluster-a", &token).await,
            nats,
            authority,
            service,
            agent,
            _sim: sim,
            dir,
        }
    }

    /// Whether this server accepts these credentials. It does not sync with the others.
    async fn lets_in(&self, server: &NatsServer, creds: &Path) -> bool {
        let options = ConnectOptions::with_credentials_file(creds).await;
        let options = options
            .expect("credentials")
            .add_root_certificates(self.authority.file());
        match options.connect(server.url()).await {
            Ok(_) => true,
            Err(error) => {
                let kind = error.kind();
                assert_eq!(kind, ConnectErrorKind::AuthorizationViolation, "{error}");
                false
            }
        }
    }

    /// The number of clients of a server.
    async fn clients(&self, server: &NatsServer) -> usize {
        let url = server.monitoring_url().expect("monitoring");
        let connections = reqwest::get(format!("{url}/connz"))
            .await
            .expect("an answer");
        let connections: serde_json::Value = connections.json().await.expect("JSON");
        let number = connections["num_connections"].as_u64().expect("a number");
        usize::try_from(number).expect("few")
    }

    /// How many of the other servers have caught up with the leader of a stream; `None` while there is no leader.
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

    /// Signs in, restarts a deployment, and finds it in the audit: each as soon as it works. Returns the times.
    async fn restart(&self) -> String {
        let begun = Instant::now();
        let signed_in = self
            .service
            .until("a sign-in", async || self.try_token().await);
        let token = signed_in.await;
        let sign_in = begun.elapsed();
        let (namespace, name) = &self.deployment;
        let target =
            json!({"cluster": "cluster-a", "namespace": namespace, "deployment_name": name});
        let mut refusals = Vec::new();
        let restarted = self.service.until("a restart", async || {
            let restarted = self.service.post("/restart", &token, &target).await;
            if restarted.status != StatusCode::OK {
                refusals.push(restarted.code().to_owned());
            }
            (restarted.status == StatusCode::OK).then_some(restarted)
        });
        let id = restarted.await.body["operation_id"].clone();
        let restarted = begun.elapsed();
        self.service
            .until("its outcome in the audit", async || {
                let audit = self
                    .service
                    .get("/audit?cluster=cluster-a&outcome=succeeded", &token)
                    .await;
                let lines = audit.body["items"].as_array()?.clone();
                let done = |line: &serde_json::Value| {
                    line["operation_id"] == id && line["outcome"] == "succeeded"
                };
                lines.iter().any(done).then_some(())
            })
            .await;
        self.service.online(1, &token).await;
        refusals.dedup();
        let all = begun.elapsed();
        format!(
            "signed in after {sign_in:?}, restarted after {restarted:?} ({refusals:?}), audited and online after {all:?}"
        )
    }

    /// Waits until the cluster can be read.
    async fn reads(&self, token: &str) {
        let read = async || {
            let list = self.service.get("/namespaces/cluster-a", token).await;
            (list.status == StatusCode::OK).then_some(())
        };
        self.service.until("a read", read).await;
    }

    async fn try_token(&self) -> Option<String> {
        let body = json!({"username": "admin", "password": crate::service::PASSWORD});
        let answer = self.service.post("/login", "", &body).await;
        answer.body["access_token"].as_str().map(str::to_owned)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_of_three_servers_lost_everything_goes_on_and_it_catches_up() {
    let mut this = Clustered::start().await;
    this.replicated().await;
    let token = this.service.token("admin").await;
    println!("with all three: {}", this.restart().await);
    for lost in 0..3 {
        let begun = Instant::now();
        this.nats.servers[lost].kill().await.unwrap();
        this.reads(&token).await;
        let read = begun.elapsed();
        let worked = this.restart().await;
        this.nats.servers[lost].restart().await.unwrap();
        this.replicated().await;
        println!(
            "after a loss: read after {read:?}, {worked}; all copies current after {:?}",
            begun.elapsed()
        );
    }
    this.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_applies_on_all_servers_also_on_one_that_was_down_and_after_all_have_restarted()
 {
    let mut this = Clustered::start().await;
    this.replicated().await;
    let token = this.service.token("admin").await;
    let path = "/clusters/cluster-b/enroll";
    let enrolled = this.service.post(path, &token, &json!({})).await;
    let manifest = enrolled.body["manifest"].as_str().unwrap();
    let stranger = unpacked(manifest, "agent.creds", this.dir.path());
    let friend = this.nats.keys().agent_creds("cluster-a").unwrap();
    for server in &this.nats.servers {
        assert!(this.lets_in(server, &stranger).await);
    }

    this.nats.servers[2].kill().await.unwrap();
    // While the buckets elect new leaders, the acknowledgement of a completed write can be lost: then there is nothing left to
    // revoke.
    let mut tries = Vec::new();
    let is_revoked = async || {
        let answer = this.service.delete("/clusters/cluster-b", &token).await;
        tries.push(answer.body.clone());
        match answer.status {
            StatusCode::OK => {
                assert_eq!(answer.body["revoked"], json!([enrolled.body["public_key"]]));
                Some(())
            }
            StatusCode::NOT_FOUND if tries.len() > 1 => Some(()),
            _ => None,
        }
    };
    this.service.until("it is revoked", is_revoked).await;
    println!("revoked after {} tries", tries.len());
    for server in &this.nats.servers[..2] {
        let refused = async || Ok((!this.lets_in(server, &stranger).await).then_some(()));
        condition::met("the stranger is refused", PATIENCE, refused)
            .await
            .unwrap();
    }
    let begun = Instant::now();
    this.nats.servers[2].restart().await.unwrap();
    let refused =
        async || Ok((!this.lets_in(&this.nats.servers[2], &stranger).await).then_some(()));
    condition::met("the server that was down has synced it", PATIENCE, refused)
        .await
        .unwrap();
    println!(
        "a server that was down refuses {:?} after its start",
        begun.elapsed()
    );

    for server in &mut this.nats.servers {
        server.kill().await.unwrap();
    }
    for server in &mut this.nats.servers {
        server.restart().await.unwrap();
    }
    for server in &this.nats.servers {
        assert!(!this.lets_in(server, &stranger).await);
        assert!(this.lets_in(server, &friend).await);
    }
    this.restart().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agent_and_aggregator_leave_a_server_that_is_about_to_stop_before_it_throws_them_out() {
    let mut this = Clustered::start().await;
    let mut busiest = (0, 0);
    for (number, server) in this.nats.servers.iter().enumerate() {
        busiest = busiest.max((this.clients(server).await, number));
    }
    let (clients, number) = busiest;
    assert!(clients > 0);
    let process = this.nats.servers[number].process();
    process.signal(Signal::USR2).unwrap();
    condition::met("all have left", LAME_DUCK_GRACE, async || {
        let left = this.clients(&this.nats.servers[number]).await;
        Ok((left == 0).then_some(()))
    })
    .await
    .unwrap();
    this.restart().await;
}
