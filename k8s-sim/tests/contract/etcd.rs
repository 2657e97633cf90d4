//! Compacts a real API server's etcd directly, which otherwise happens every five minutes.

use std::path::Path;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

pub async fn compact(socket: &Path, revision: &str) {
    let body = json!({ "revision": revision, "physical": true }).to_string();
    let length = body.len();
    let request = format!(
        "POST /v3/kv/compaction HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut stream = UnixStream::connect(socket).await.expect("etcd listens");
    let sent = stream.write_all(request.as_bytes()).await;
    sent.expect("etcd reads");
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer).await;
    read.expect("etcd answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
