//! The exact steps of an operator on an untrusted network: a bus with TLS and a private CA, a cluster that joins by its manifest,
//! and a call.

use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use base64::Engine as _;
use k8s_sim::Simulation;
use tempfile::TempDir;
use tokio::process::Command;
use xtask::authority::Authority;
use xtask::nats_server::{NatsServer, Settings};

use crate::service::Service;
use crate::stack::{RunningAgent, write_users};

/// Runs the program with these arguments: its standard output, or why it failed.
pub async fn aggregator(arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aggregator"));
    let output = command.args(arguments).kill_on_drop(true).output();
    let output = output.await.expect("the program");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(said(&output.stdout))
    } else {
        Err(said(&output.stderr))
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A bus that `aggregator bus init` made in `dir/nats/keys`, and its nats-server.
async fn bus(dir: &Path, authority: &Authority) -> NatsServer {
    let (certificate, key) = authority.certificate().expect("a certificate");
    let nats = dir.join("nats");
    let keys = nats.join("keys");
    let init = [
        "bus",
        "init",
        text(&keys),
        "--store-dir",
        text(&nats),
        "--tls-cert",
        text(&certificate),
        "--tls-key",
        text(&key),
        "--websocket",
        "127.0.0.1:0",
    ];
    aggregator(&init).await.expect("a new bus");
    let settings = Settings {
        tls: Some((certificate, key)),
        websocket: true,
        ..Settings::in_dir(&nats)
    };
    NatsServer::start_with(settings)
        .await
        .expect("a nats-server")
}

/// A value of the manifest's Secret, in a separate file.
pub fn unpacked(manifest: &str, name: &str, dir: &Path) -> PathBuf {
    let start = format!("  {name}: ");
    let line = manifest.lines().find_map(|line| line.strip_prefix(&start));
    let value = line.unwrap_or_else(|| panic!("{name} is in the Secret: {manifest}"));
    let value = base64::engine::general_purpose::STANDARD.decode(value);
    let file = dir.join(name);
    std::fs::write(&file, value.expect("base64")).expect("the folder is writable");
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_joins_a_bus_with_tls_by_its_manifest_and_is_read() {
    let dir = TempDir::new().unwrap();
    let authority = Authority::new(&dir.path().join("authority")).unwrap();
    let nats = bus(dir.path(), &authority).await;
    let ca = authority.file();
    let keys = dir.path().join("nats/keys/aggregator");
    let url = nats.url();
    let link = ["--nats-url", &url, "--bus-keys", text(&keys)];
    let enroll = [&["enroll", "cluster-a"], &link[..]].concat();
    let manifest = aggregator(&[&enroll[..], &["--nats-ca", text(&ca)]].concat()).await;
    let manifest = manifest.unwrap();
    for setting in [
        "MCA_NATS_CA: /etc/agent/ca.pem",
        &format!("MCA_NATS_URL: \"{url}\""),
    ] {
        assert!(manifest.contains(setting), "{setting}: {manifest}");
    }

    let sim = Simulation::builder().clusters(1).namespaces(1);
    let sim = sim.deployments(3).speed(20.0).start().await.unwrap();
    let kubeconfig = dir.path().join("kubeconfig");
    sim.write_kubeconfig(&kubeconfig).unwrap();
    let config = agent::Config {
        cluster: "cluster-a".parse().unwrap(),
        nats_url: nats.websocket_url().unwrap().to_owned(),
        nats_ca: Some(unpacked(&manifest, "ca.pem", dir.path())),
        nats_creds: Some(unpacked(&manifest, "agent.creds", dir.path())),
        nats_seed: None,
        renewed_token: agent::RenewedToken::default(),
        verbs: bus_schema::AllowedVerbs::all(),
        max_rollouts: 0,
        kubernetes: agent::Access::new(Some(kubeconfig), None),
    };
    let agent = RunningAgent::start(config);

    write_users(&dir.path().join("users.json"));
    let mut settings = Service::settings(dir.path(), &url);
    settings.bus.nats_ca = Some(ca.clone());
    let service = Service::of(settings).await.unwrap();
    let token = service.token("admin").await;
    service.online(1, &token).await;
    let (namespace, _) = service.healthy("cluster-a", &token).await;
    let path = format!("/deployments/cluster-a/{namespace}");
    let list = service.get(&path, &token).await;
    assert_eq!(list.status, StatusCode::OK, "{list:?}");
    assert_eq!(list.body["items"].as_array().unwrap().len(), 3);

    // The API includes the CA too.
    let path = "/clusters/cluster-b/enroll";
    let enrolled = service.post(path, &token, &serde_json::json!({})).await;
    let manifest = enrolled.body["manifest"].as_str().unwrap();
    let given = unpacked(manifest, "ca.pem", dir.path());
    assert_eq!(std::fs::read(given).unwrap(), std::fs::read(&ca).unwrap());
    agent.stop().await;

    let revoked = [
        &["revoke", "cluster-a"],
        &link[..],
        &["--nats-ca", text(&ca)],
    ]
    .concat();
    aggregator(&revoked).await.unwrap();
}

#[tokio::test]
async fn an_aggregator_without_the_right_ca_says_so_and_sends_nothing() {
    let dir = TempDir::new().unwrap();
    let authority = Authority::new(&dir.path().join("authority")).unwrap();
    let other = Authority::new(&dir.path().join("other")).unwrap();
    let nats = bus(dir.path(), &authority).await;
    let keys = dir.path().join("nats/keys/aggregator");
    let url = nats.url();
    let enroll = [
        "enroll",
        "cluster-a",
        "--nats-url",
        &url,
        "--bus-keys",
        text(&keys),
    ];
    let file = other.file();
    let foreign = aggregator(&[&enroll[..], &["--nats-ca", text(&file)]].concat()).await;
    let foreign = foreign.unwrap_err();
    for part in [
        "is not signed by a trusted CA",
        text(&file),
        "--nats-ca",
        "no connection to",
    ] {
        assert!(foreign.contains(part), "{part}: {foreign}");
    }
    let missing = dir.path().join("none.pem");
    let none = aggregator(&[&enroll[..], &["--nats-ca", text(&missing)]].concat()).await;
    let none = none.unwrap_err();
    assert!(
        none.contains("--nats-ca: ") && none.contains("none.pem"),
        "{none}"
    );
}
