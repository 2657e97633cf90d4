//! Connections: bounded in number, in time to say what they want, and ended in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::{debug, warn};

/// Connections at a time; further ones wait in the kernel.
const CONNECTIONS: usize = 4_096;

/// What a connection holds of a request's headers at most, and of an answer that its reader does not take.
const BUFFER: usize = 64 * 1024;

/// How long a request's headers may take, and how long a connection may stay idle.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);

/// Serves until `stopping` is cancelled and what has been asked by then is answered.
pub async fn serve(listener: TcpListener, router: Router, stopping: CancellationToken) {
    let (places, graceful) = (
        Arc::new(Semaphore::new(CONNECTIONS)),
        GracefulShutdown::new(),
    );
    loop {
        let place = Arc::clone(&places)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = graceful.watch(connection(stream, peer, router.clone()));
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        debug!(%peer, %error, "a connection broke off");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: some will be given back.
                warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    graceful.shutdown().await;
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) -> impl hyper_util::server::graceful::GracefulConnection<Error: std::fmt::Display> {
    // Events are small, and each is to arrive at once.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "answers may be delayed");
    }
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .max_buf_size(BUFFER)
        .header_read_timeout(HEADERS_WITHIN);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20));
    builder
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .into_owned()
}
