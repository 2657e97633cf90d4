//! TLS with a private CA: over both kinds of connection, with one log line for each kind of failure, and never in plaintext.

use std::path::{Path, PathBuf};

use async_nats::ConnectOptions;
use futures::StreamExt;
use k8s_sim::Simulation;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use xtask::authority::{Authority, Dated};
use xtask::nats_server::NatsServer;
use xtask::process::Process;

use crate::refused::line;
use crate::stage::{PATIENCE, Stage};

/// A simulated cluster, and a bus with TLS and WebSocket whose certificate is from `authority`.
struct Secured {
    _sim: Simulation,
    stage: Stage,
    authority: Authority,
    dir: TempDir,
}

async fn secured() -> Secured {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(&dir.path().join("authority")).unwrap();
    let nats_dir = tempfile::tempdir().unwrap();
    let certificate = authority.certificate().unwrap();
    let nats = NatsServer::start_with_tls(nats_dir.path(), certificate);
    let nats = nats.await.unwrap();
    let sim = Simulation::builder().speed(20.0).start().await.unwrap();
    let kubeconfig = dir.path().join("kubeconfig");
    sim.write_kubeconfig(&kubeconfig).unwrap();
    let admin = sim.clusters()[0].client();
    let ca = Some(authority.file());
    let stage = Stage::on(nats, ca, admin, &kubeconfig, nats_dir).await;
    Secured {
        _sim: sim,
        stage,
        authority,
        dir,
    }
}

/// The agent's binary; the tests read its log as an operator does.
fn program(stage: &Stage, url: &str, ca: Option<&Path>, log: &Path) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent"));
    command
        .args(["--cluster-name", stage.cluster.as_str()])
        .args(["--nats-url", url, "--nats-creds"])
        .arg(&stage.creds)
        .arg("--kubeconfig")
        .arg(&stage.kubeconfig);
    if let Some(ca) = ca {
        command.arg("--nats-ca").arg(ca);
    }
    Process::spawn("agent", command, log).expect("the program")
}

fn refusals(log: &Path) -> usize {
    let text = std::fs::read_to_string(log).expect("a log");
    text.matches("no connection to the bus").count()
}

#[tokio::test]
async fn an_agent_answers_over_tls_and_over_websocket_with_a_private_ca() {
    let Secured { stage, .. } = &secured().await;
    let websocket = stage.nats.websocket_url().unwrap().to_owned();
    assert!(websocket.starts_with("wss://"), "{websocket}");
    for url in [stage.nats.url(), websocket] {
        let mut config = stage.config();
        config.nats_url = url;
        let agent = stage.agent_with(config);
        stage.ready().await;
        agent.left().await;
    }
}

/// The largest reply that an agent may send; the server splits it into frames.
#[tokio::test]
async fn a_message_of_the_maximum_size_passes_through_websocket() {
    let Secured { stage, .. } = &secured().await;
    let creds = stage.nats.keys().admin_creds().unwrap();
    let options = ConnectOptions::with_credentials_file(creds).await.unwrap();
    let options = options.add_root_certificates(stage.ca.clone().unwrap());
    let url = stage.nats.websocket_url().unwrap();
    let client = options.connect(url).await.unwrap();
    let mut heard = client.subscribe("large").await.unwrap();
    let bytes = (0..client.max_payload()).map(|n| n.to_le_bytes()[0]);
    let large: bytes::Bytes = bytes.collect();
    for _ in 0..3 {
        client.publish("large", large.clone()).await.unwrap();
    }
    for _ in 0..3 {
        let message = tokio::time::timeout(PATIENCE, heard.next()).await;
        assert!(message.unwrap().unwrap().payload == large);
    }
}

#[tokio::test]
async fn a_ca_that_does_not_match_is_logged_once_and_its_replacement_is_used() {
    let Secured {
        stage,
        authority,
        dir,
        ..
    } = &secured().await;
    let other = Authority::new(&dir.path().join("other")).unwrap();
    let websocket = stage.nats.websocket_url().unwrap().to_owned();
    for (number, url) in [stage.nats.url(), websocket].iter().enumerate() {
        let ca = dir.path().join(format!("ca-{number}.pem"));
        let log = dir.path().join(format!("{number}.log"));
        std::fs::copy(other.file(), &ca).unwrap();
        let mut agent = program(stage, url, Some(&ca), &log);
        let said = line(&log, "no connection to the bus").await;
        for part in [
            "is not signed by a trusted CA",
            &ca.display().to_string(),
            "--nats-ca",
            "ERROR",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        std::fs::copy(authority.file(), &ca).unwrap();
        stage.ready().await;
        assert_eq!(refusals(&log), 1, "{}", agent.log_tail());
        agent.stop(PATIENCE).await.unwrap();
    }
}

#[tokio::test]
async fn each_failure_of_tls_has_its_own_message() {
    let Secured {
        stage,
        authority,
        dir,
        ..
    } = &secured().await;
    let start = async |name: &str, certificate: (PathBuf, PathBuf)| {
        let dir = dir.path().join(name);
        let server = NatsServer::start_with_tls(&dir, certificate);
        server.await.unwrap()
    };
    let named = authority.certificate_for("bus.example", Dated::Now);
    let named = start("named", named.unwrap()).await;
    let past = authority.certificate_for("127.0.0.1", Dated::Past);
    let past = start("past", past.unwrap()).await;
    let clear = NatsServer::start(&dir.path().join("clear")).await.unwrap();
    let ca = authority.file();
    let ca = Some(ca.as_path());
    let cases = [
        (
            stage.nats.url(),
            None,
            "give the one that signed it with --nats-ca",
        ),
        (
            stage.nats.websocket_url().unwrap().to_owned(),
            None,
            "--nats-ca",
        ),
        (named.url(), ca, "is for another host name"),
        (
            named.websocket_url().unwrap().to_owned(),
            ca,
            "is for another host name",
        ),
        (past.url(), ca, "has expired or is not valid yet"),
        (
            past.websocket_url().unwrap().to_owned(),
            ca,
            "has expired or is not valid yet",
        ),
        (clear.url(), ca, "does not speak TLS"),
        (
            clear.url().replace("nats://", "tls://"),
            None,
            "does not speak TLS",
        ),
    ];
    for (number, (url, ca, part)) in cases.iter().enumerate() {
        let log = dir.path().join(format!("{number}.log"));
        let mut agent = program(stage, url, *ca, &log);
        let said = line(&log, "no connection to the bus").await;
        assert!(
            said.contains(part) && said.contains("ERROR"),
            "{part}: {said}"
        );
        agent.ensure_running().expect("it goes on trying");
        assert_eq!(refusals(&log), 1, "{}", agent.log_tail());
    }
}

#[tokio::test]
async fn an_invalid_ca_or_address_ends_the_program_with_flag_and_file() {
    let Secured { stage, dir, .. } = &secured().await;
    let key = dir.path().join("key.pem");
    std::fs::write(&key, private_key()).unwrap();
    let (empty, none) = (dir.path().join("empty.pem"), dir.path().join("none.pem"));
    std::fs::write(&empty, "").unwrap();
    let ca = stage.ca.clone().unwrap();
    let cases = [
        ("tls://127.0.0.1:1", &none, "none.pem cannot be read"),
        ("tls://127.0.0.1:1", &empty, "there is no certificate in"),
        ("tls://127.0.0.1:1", &key, "there is no certificate in"),
        ("ws://127.0.0.1:1", &ca, "write it as wss://"),
    ];
    for (number, (url, ca, part)) in cases.iter().enumerate() {
        let log = dir.path().join(format!("{number}.log"));
        let mut agent = program(stage, url, Some(ca), &log);
        let ended = tokio::time::timeout(PATIENCE, agent.wait()).await;
        assert!(!ended.unwrap().unwrap().success());
        let said = line(&log, part).await;
        assert!(said.contains("--nats-"), "{said}");
    }
}

/// A private key instead of a certificate: the most likely mistake.
fn private_key() -> &'static str {
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIKIASLs6sq1V3ILzSgwZJ0pqJJZC9b7JxQIaJ9zGcVUH\n-----END PRIVATE KEY-----\n"
}

#[tokio::test]
async fn an_agent_with_tls_sends_nothing_in_plaintext() {
    let Secured { stage, .. } = &secured().await;
    let ca = stage.ca.clone();
    for (scheme, ca) in [("tls", ca.clone()), ("nats", ca), ("tls", None)] {
        // An attacker in the middle who pretends that there is no TLS.
        let liar = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = stage.config();
        config.nats_url = format!("{scheme}://{}", liar.local_addr().unwrap());
        config.nats_ca = ca;
        let agent = stage.agent_with(config);
        let (mut victim, _) = liar.accept().await.unwrap();
        let info =
            r#"INFO {"server_id":"x","version":"2.12.12","max_payload":1048576,"nonce":"abc"}"#;
        victim
            .write_all(format!("{info}\r\n").as_bytes())
            .await
            .unwrap();
        let mut said = [0; 3];
        victim.read_exact(&mut said).await.unwrap();
        // A TLS handshake record, and no CONNECT.
        assert_eq!(said[..2], [0x16, 0x03], "{scheme}: {said:?}");
        agent.gone().await;
    }
}

#[tokio::test]
async fn a_server_with_tls_reveals_nothing_to_a_plaintext_client() {
    let Secured { stage, .. } = &secured().await;
    let mut stream = BufReader::new(TcpStream::connect(stage.nats.address()).await.unwrap());
    let mut info = String::new();
    stream.read_line(&mut info).await.unwrap();
    assert!(info.contains("\"tls_required\":true"), "{info}");
    let ask = b"CONNECT {\"verbose\":false}\r\nSUB > 1\r\nPING\r\n";
    stream.write_all(ask).await.unwrap();
    let mut rest = Vec::new();
    let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest));
    // A reset is an end too.
    drop(end.await.expect("the server hangs up"));
    let rest = String::from_utf8_lossy(&rest);
    assert!(!rest.contains("PONG") && !rest.contains("MSG"), "{rest}");
}
