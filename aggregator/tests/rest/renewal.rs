//! Agents' credentials that expire, and are renewed before that.

use std::path::Path;
use std::time::Duration;

use async_nats::{ConnectErrorKind, ConnectOptions};
use axum::http::StatusCode;
use bus_keys::Credentials;
use k8s_sim::Simulation;
use serde_json::json;
use tempfile::TempDir;
use xtask::nats_server::NatsServer;

use crate::secured::unpacked;
use crate::service::Service;
use crate::stack::{RunningAgent, write_users};

/// Long enough for an agent to start on a busy machine before half of it is over.
const LIFETIME: Duration = Duration::from_secs(24);

async fn refusal(nats: &NatsServer, creds: &str) -> Option<ConnectErrorKind> {
    let options = ConnectOptions::with_credentials(creds).expect("credentials");
    let connected = options.max_reconnects(1).connect(nats.url()).await;
    connected.err().map(|error| error.kind())
}

fn config(nats: &NatsServer, dir: &Path, creds: &Path) -> agent::Config {
    agent::Config {
        cluster: "cluster-a".parse().expect("a name"),
        nats_url: nats.url(),
        nats_ca: None,
        nats_creds: Some(creds.to_owned()),
        nats_seed: None,
        renewed_token: agent::RenewedToken::default(),
        verbs: bus_schema::AllowedVerbs::all(),
        max_rollouts: 0,
        kubernetes: agent::Access::new(Some(dir.join("kubeconfig")), None),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_renews_its_credential_and_stays_past_its_first_end_until_it_is_revoked() {
    let dir = TempDir::new().unwrap();
    let nats = NatsServer::start(&dir.path().join("nats")).await.unwrap();
    let sim = Simulation::builder().clusters(1).namespaces(1);
    let sim = sim.deployments(1).start().await.unwrap();
    sim.write_kubeconfig(&dir.path().join("kubeconfig"))
        .unwrap();
    write_users(&dir.path().join("users.json"));
    let mut settings = Service::settings(dir.path(), &nats.url());
    settings.agent_credentials.lifetime = LIFETIME;
    let service = Service::of(settings).await.unwrap();
    let token = service.token("admin").await;
    let enroll = "/clusters/cluster-a/enroll";
    let enrolled = service.post(enroll, &token, &json!({})).await;
    let manifest = enrolled.body["manifest"].as_str().unwrap();
    let creds = unpacked(manifest, "agent.creds", dir.path());
    let first = std::fs::read_to_string(&creds).unwrap();
    let first_end = Credentials::parse(&first, None).unwrap().expires_at();
    assert!(first_end.is_some());

    let agent = RunningAgent::start(config(&nats, dir.path(), &creds));
    service.known(&["cluster-a"], &token).await;
    let expired = async || refusal(&nats, &first).await;
    service.until("the first token expires", expired).await;
    service.known(&["cluster-a"], &token).await;
    let renewed = std::fs::read_to_string(dir.path().join("agent.creds.renewed")).unwrap();
    let renewed = Credentials::parse(&first, None).unwrap().renewed(&renewed);
    assert!(renewed.unwrap().expires_at() > first_end);
    assert_eq!(std::fs::read_to_string(&creds).unwrap(), first);

    // The agent's first token has expired; the renewed one has not.
    agent.stop().await;
    let agent = RunningAgent::start(config(&nats, dir.path(), &creds));
    service.known(&["cluster-a"], &token).await;

    let revoked = service.delete("/clusters/cluster-a", &token).await;
    assert_eq!(revoked.status, StatusCode::OK, "{revoked:?}");
    let renewed = std::fs::read_to_string(dir.path().join("agent.creds.renewed")).unwrap();
    let token = first.lines().find(|line| line.starts_with("eyJ")).unwrap();
    let newest = first.replace(token, renewed.trim());
    let refused = refusal(&nats, &newest).await;
    assert_eq!(refused, Some(ConnectErrorKind::AuthorizationViolation));
    agent.kill();
}
