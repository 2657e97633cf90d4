//! Against listeners on free ports that count connections and speak as much of a protocol as is needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use xtask::condition;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// Calls at once, many more than connections stay open.
const BURST: usize = 50;

/// An API server without namespaces, which answers calls when as many of them wait as the barrier has places.
struct Server {
    url: String,
    open: Arc<AtomicUsize>,
}

impl Server {
    async fn start(at_once: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let open = Arc::new(AtomicUsize::new(0));
        let (counted, barrier) = (Arc::clone(&open), Arc::new(Barrier::new(at_once)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (counted, barrier) = (Arc::clone(&counted), Arc::clone(&barrier));
                tokio::spawn(async move {
                    answer(stream, &barrier).await;
                    counted.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { url, open }
    }

    async fn comes_down_to(&self, most: usize) {
        let what = format!("at most {most} open connections");
        let met = condition::met(&what, PATIENCE, async || {
            Ok((self.open.load(Ordering::SeqCst) <= most).then_some(()))
        });
        met.await.unwrap();
    }
}

/// Until the client closes.
async fn answer(mut stream: TcpStream, barrier: &Barrier) {
    let body = r#"{"apiVersion":"v1","kind":"NamespaceList","metadata":{},"items":[]}"#;
    let text = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.is_empty() {
            barrier.wait().await;
            write.write_all(text.as_bytes()).await.unwrap();
        }
    }
}

fn client_of(url: &str, proxy: Option<&Matcher>, idle_within: Duration) -> kube::Client {
    let config = Config::new(url.parse().unwrap());
    client(&config, proxy, idle_within, |response| response).unwrap()
}

async fn burst(client: &kube::Client) {
    let calls = (0..BURST).map(|_| async {
        let namespaces: Api<Namespace> = Api::all(client.clone());
        namespaces.list(&kube::api::ListParams::default()).await
    });
    for answered in join_all(calls).await {
        answered.expect("an answer");
    }
}

#[tokio::test]
async fn after_a_burst_of_calls_few_connections_stay_open() {
    let server = Server::start(BURST).await;
    let client = client_of(&server.url, None, IDLE_WITHIN);
    burst(&client).await;
    server.comes_down_to(IDLE_CONNECTIONS).await;
}

#[tokio::test]
async fn connections_without_a_call_are_closed_after_a_time() {
    let server = Server::start(BURST).await;
    let client = client_of(&server.url, None, Duration::from_millis(50));
    burst(&client).await;
    server.comes_down_to(0).await;
    drop(client);
}

/// Reads the head of a `CONNECT`, and returns its first line and credentials.
async fn connect_of(stream: &mut TcpStream) -> (String, Option<String>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default().to_owned();
    let authorization = lines.find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let is_it = name.eq_ignore_ascii_case("proxy-authorization");
        is_it.then(|| value.to_owned())
    });
    (first, authorization)
}

/// The name of the API server is known to the proxy alone.
#[tokio::test]
async fn calls_go_through_an_http_proxy_with_its_credentials() {
    let server = Server::start(1).await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://ana:se%40cret@{}", listener.local_addr().unwrap());
    let client = client_of(
        "http://api.invalid:6443",
        Some(&proxy(Some(&url))),
        IDLE_WITHIN,
    );
    let upstream = server.url.replace("http://", "");
    let proxying = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let seen = connect_of(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut onward = TcpStream::connect(upstream).await.unwrap();
        tokio::io::copy_bidirectional(&mut stream, &mut onward)
            .await
            .ok();
        seen
    });
    list(&client).await;
    drop(client);
    let (first, credentials) = proxying.await.unwrap();
    assert_eq!(first, "CONNECT api.invalid:6443 HTTP/1.1");
    assert_eq!(credentials.as_deref(), Some("Basic YW5hOnNlQGNyZXQ="));
}

#[tokio::test]
async fn calls_go_through_a_socks_proxy_which_resolves_the_name() {
    let server = Server::start(1).await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("socks5://{}", listener.local_addr().unwrap());
    let client = client_of(
        "http://api.invalid:6443",
        Some(&proxy(Some(&url))),
        IDLE_WITHIN,
    );
    let upstream = server.url.replace("http://", "");
    let proxying = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let methods = stream.read_u16().await.unwrap() & 0xff;
        let mut offered = vec![0; methods.into()];
        stream.read_exact(&mut offered).await.unwrap();
        stream.write_all(&[5, 0]).await.unwrap();
        // Version, CONNECT, reserved, and a name with its length.
        let mut start = [0; 5];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(start[..4], [5, 1, 0, 3]);
        let mut name = vec![0; usize::from(start[4]) + 2];
        stream.read_exact(&mut name).await.unwrap();
        stream
            .write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
            .await
            .unwrap();
        let mut onward = TcpStream::connect(upstream).await.unwrap();
        tokio::io::copy_bidirectional(&mut stream, &mut onward)
            .await
            .ok();
        name
    });
    list(&client).await;
    drop(client);
    let name = proxying.await.unwrap();
    assert!(name.starts_with(b"api.invalid"));
}

async fn list(client: &kube::Client) {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let all = kube::api::ListParams::default();
    let listed = tokio::time::timeout(PATIENCE, namespaces.list(&all)).await;
    listed.expect("in time").expect("an answer");
}
