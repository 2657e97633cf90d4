//! A reader that takes an event stream one byte at a time.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::service::PATIENCE;
use crate::watcher::Watcher;

/// The smallest receive buffer of the kernel: the sender must not wait for what it holds.
const KERNEL_BUFFER: u32 = 4096;

/// Takes one byte a second.
pub struct SlowReader {
    hurry: oneshot::Sender<()>,
    reading: JoinHandle<(TcpStream, Vec<u8>)>,
}

impl SlowReader {
    /// Requests a stream, and waits until it has started.
    pub async fn open(address: SocketAddr, path: &str, token: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(KERNEL_BUFFER).expect("a size");
        let mut stream = socket.connect(address).await.expect("a connection");
        // In HTTP/1.0 the rest of the connection is the response, without framing.
        let request = format!("GET {path} HTTP/1.0\r\nauthorization: Bearer {token}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let head = tokio::time::timeout(PATIENCE, head(&mut stream)).await;
        let head = head.expect("a head in time");
        assert!(
            head.contains(" 200 ") && head.contains("text/event-stream"),
            "{head}"
        );
        let (hurry, hurried) = oneshot::channel();
        Self {
            hurry,
            reading: tokio::spawn(read_slowly(stream, hurried)),
        }
    }

    /// From now on reads everything, after what it has already read.
    pub async fn hurries(self) -> Watcher {
        self.hurry.send(()).expect("it reads");
        let (stream, taken) = self.reading.await.expect("it reads");
        let rest = stream::unfold(stream, async |mut stream| {
            let mut buffer = vec![0; 64 * 1024];
            let count = stream.read(&mut buffer).await.ok().filter(|n| *n > 0)?;
            buffer.truncate(count);
            Some((Ok::<_, io::Error>(Bytes::from(buffer)), stream))
        });
        let taken = String::from_utf8(taken).expect("text");
        Watcher::of(taken, Body::from_stream(rest))
    }
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("an answer"));
    }
    String::from_utf8(head).expect("text")
}

async fn read_slowly(
    mut stream: TcpStream,
    mut hurried: oneshot::Receiver<()>,
) -> (TcpStream, Vec<u8>) {
    let mut taken = Vec::new();
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = &mut hurried => return (stream, taken),
            _ = every.tick() => taken.push(stream.read_u8().await.expect("the stream goes on")),
        }
    }
}
