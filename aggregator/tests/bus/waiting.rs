//! The program while the bus is down at its start.

use std::path::Path;

use reqwest::StatusCode;
use tempfile::TempDir;
use tokio::process::Command;
use xtask::condition;
use xtask::process::{Process, Signal};

use crate::party::{PATIENCE, server};

fn program(dir: &Path, nats_url: &str, keys: &Path) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aggregator"));
    command
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--nats-url",
            nats_url,
            "--bus-keys",
        ])
        .arg(keys)
        .arg("--users")
        .arg(dir.join("users.json"));
    Process::spawn("aggregator", command, &dir.join("aggregator.log")).expect("the program")
}

/// The address it reports to listen on.
async fn address(dir: &Path) -> String {
    let look = async || {
        let log = std::fs::read_to_string(dir.join("aggregator.log"))?;
        let line = log.lines().find(|line| line.contains("listening"));
        let address = line.and_then(|line| line.split("127.0.0.1:").nth(1));
        let port = address.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
        Ok(port.map(|port: String| format!("http://127.0.0.1:{port}")))
    };
    let found = condition::met("it listens", PATIENCE, look).await;
    found.expect("it says where")
}

#[tokio::test]
async fn it_is_live_and_not_ready_and_comes_up_by_itself() {
    let (mut server, dir) = server().await;
    server.stop().await.unwrap();
    let keys = server.keys().aggregator_dir();
    let mut waiting = program(dir.path(), &server.url(), &keys);
    let url = address(dir.path()).await;
    let get = async |path: &str| {
        reqwest::get(format!("{url}{path}"))
            .await
            .expect("an answer")
    };
    assert_eq!(get("/livez").await.status(), StatusCode::OK);
    for path in ["/readyz", "/clusters", "/nowhere"] {
        let answer = get(path).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        let problem: serde_json::Value = answer.json().await.expect("a problem");
        assert_eq!(problem["code"], "bus_unavailable");
        assert_ne!(problem["request_id"], "");
    }
    server.restart().await.unwrap();
    let ready = async || Ok((get("/readyz").await.status() == StatusCode::OK).then_some(()));
    condition::met("it is ready", PATIENCE, ready)
        .await
        .unwrap();
    assert_eq!(get("/clusters").await.status(), StatusCode::UNAUTHORIZED);
    waiting.signal(Signal::TERM).unwrap();
    assert!(
        waiting.wait().await.unwrap().success(),
        "{}",
        waiting.log_tail()
    );
}

#[tokio::test]
async fn it_can_be_stopped_while_it_waits() {
    let (mut server, _server_dir) = server().await;
    server.stop().await.unwrap();
    let dir = TempDir::new().unwrap();
    let keys = server.keys().aggregator_dir();
    let mut waiting = program(dir.path(), &server.url(), &keys);
    address(dir.path()).await;
    waiting.signal(Signal::TERM).unwrap();
    assert!(
        waiting.wait().await.unwrap().success(),
        "{}",
        waiting.log_tail()
    );
}
