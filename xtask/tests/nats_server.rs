//! The shipped configuration, run by a real nats-server.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use xtask::condition;
use xtask::nats_server::NatsServer;

/// The first line that the server sends to a client, if it comes in time.
async fn greeting(server: &NatsServer) -> Option<String> {
    let patience = Duration::from_millis(500);
    let stream = TcpStream::connect(server.address()).await.ok()?;
    let mut line = String::new();
    let read = timeout(patience, BufReader::new(stream).read_line(&mut line)).await;
    read.ok()?.ok()?;
    Some(line)
}

#[tokio::test]
async fn it_greets_clients_with_jetstream_on() {
    let dir = tempfile::tempdir().unwrap();
    let server = NatsServer::start(dir.path()).await.unwrap();
    let greeting = greeting(&server).await.unwrap();
    assert!(greeting.starts_with("INFO "), "{greeting}");
    assert!(greeting.contains(r#""jetstream":true"#), "{greeting}");
}

#[tokio::test]
async fn a_directory_with_blanks_in_its_name_is_its_store() {
    let dir = tempfile::tempdir().unwrap();
    let blank = dir.path().join("the store");
    let _server = NatsServer::start(&blank).await.unwrap();
    assert!(blank.join("jetstream").is_dir());
}

#[tokio::test]
async fn a_restart_keeps_the_port_and_changes_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = NatsServer::start(dir.path()).await.unwrap();
    let (port, pid) = (server.port(), server.pid());
    server.kill().await.unwrap();
    assert_eq!(greeting(&server).await, None);
    server.restart().await.unwrap();
    assert!(greeting(&server).await.is_some());
    assert_eq!(server.port(), port);
    assert_ne!(server.pid(), pid);
}

#[tokio::test]
async fn a_suspended_server_is_silent_until_it_resumes() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = NatsServer::start(dir.path()).await.unwrap();
    server.suspend().unwrap();
    // The signal takes a moment to arrive.
    condition::met("silence", Duration::from_secs(10), async || {
        Ok(greeting(&server).await.is_none().then_some(()))
    })
    .await
    .unwrap();
    server.resume().unwrap();
    assert!(greeting(&server).await.is_some());
}

/// What the server says about itself on its monitoring port.
async fn monitored(server: &NatsServer, path: &str) -> Value {
    let address = server
        .monitoring_url()
        .and_then(|url| url.strip_prefix("http://"));
    let address = address.expect("the shipped configuration turns monitoring on");
    let mut stream = TcpStream::connect(address)
        .await
        .expect("a monitoring port");
    let request = format!("GET {path} HTTP/1.0\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).expect("JSON")
}

#[tokio::test]
async fn what_it_acknowledges_is_on_the_disk_and_dead_peers_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let server = NatsServer::start(dir.path()).await.unwrap();
    let jetstream = monitored(&server, "/jsz").await;
    assert_eq!(jetstream["config"]["sync_always"], true, "{jetstream}");
    let settings = monitored(&server, "/varz").await;
    assert_eq!(settings["ping_interval"], 20_000_000_000_u64, "{settings}");
    assert_eq!(settings["host"], "127.0.0.1", "{settings}");
}
