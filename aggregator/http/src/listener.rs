//! Connections: bounded in number, by address too, in time to say what they want and to take the answer, and ended in order.
//!
//! Anybody may connect, so a connection earns its permit by requests. One without a request in flight is closed after a while,
//! and at once when its permit is wanted: the longest idle one first. Evicting alone would leave the probes out while every permit has a
//! request in flight, and a reserve alone would leave everybody else out; so there are both.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tracing::{debug, warn};

use crate::problem_response::ProblemResponse;
use crate::trusted_proxies::TrustedProxies;
use diagnostics::{Problem, ProblemCode};

mod activity;
mod counts;
mod permits;

pub use counts::ConnectionCounts;

use permits::{Kind, Permit, Permits};

/// What a connection holds of a request's headers at most, and of an answer that its reader does not take.
const BUFFER: usize = 64 * 1024;

/// Streams of HTTP/2 that were reset before they were looked at. One more ends the connection: nobody needs that many.
const PENDING_RESETS: usize = 20;

/// Streams of HTTP/2 that this side resets for what is wrong with them, before the connection ends.
const ERROR_RESETS: usize = 256;

/// Who gets how many connections.
#[derive(Debug, Clone)]
pub struct Settings {
    /// For an IPv4 address, and for an IPv6 network of 64 bits.
    pub per_address: usize,
    /// These share their addresses among many people, and have only the bound of all connections.
    pub trusted_proxies: TrustedProxies,
    /// What is counted.
    pub counts: ConnectionCounts,
}

/// A quarter of all: one address cannot take every connection, and an office behind one is not noticed.
pub const PER_ADDRESS: usize = 1_024;

impl Default for Settings {
    fn default() -> Self {
        Self {
            per_address: PER_ADDRESS,
            trusted_proxies: TrustedProxies::default(),
            counts: ConnectionCounts::default(),
        }
    }
}

/// The bounds that nobody needs to change.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Connections at a time.
    connections: usize,
    /// Further ones, while all of these have a request in flight: for `/livez` and `/readyz` alone.
    reserve: usize,
    /// How long a request's headers may take; of a new connection, the first request with all that precedes it.
    headers_within: Duration,
    /// How long a connection may stay without a request, and a request without progress. Not shorter than the one before; longer than any call may take until its
    /// answer begins (`routes::ANSWER_WITHIN`) and than event streams are silent.
    idle_within: Duration,
    /// How long a connection that is to end may take to say so.
    close_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            reserve: 64,
            headers_within: Duration::from_secs(10),
            idle_within: Duration::from_secs(120),
            close_within: Duration::from_secs(5),
        }
    }
}

/// Serves until `stopping` is cancelled and what has been asked by then is answered.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: Settings,
    stopping: CancellationToken,
) {
    serve_within(listener, router, settings, Limits::default(), stopping).await;
}

async fn serve_within(
    listener: TcpListener,
    router: Router,
    settings: Settings,
    limits: Limits,
    stopping: CancellationToken,
) {
    let permits = Permits::new(settings, limits);
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Without a permit it is closed here and now.
                if let Some(permit) = permits.acquire(peer.ip()) {
                    let served = serve_one(stream, peer, router.clone(), permit, stopping.clone());
                    connections.spawn(served);
                }
            }
            Err(error) if is_of_one(&error) => debug!(%error, "a connection broke off"),
            Err(error) => {
                // Out of file descriptors, most likely: the program may have fewer than there are permits.
                warn!(%error, "a connection was not accepted");
                permits.evict_longest_idle();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Whether it is about the connection that was to be accepted, and not about accepting.
fn is_of_one(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

async fn serve_one(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    permit: Permit,
    stopping: CancellationToken,
) {
    // Events are small, and each is to arrive at once.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "cannot set TCP_NODELAY: responses may be delayed");
    }
    let limits = permit.limits();
    let (kind, activity) = (permit.kind(), permit.activity());
    let service = service_fn(move |request| {
        // From here on, so that a request which waits for its task counts.
        let in_flight = activity.begin();
        let answering = answer(request, peer, router.clone(), kind);
        async move {
            let response = answering.await;
            Ok::<_, Infallible>(response.map(|body| in_flight.until_the_end_of(body)))
        }
    });
    let builder = builder(limits);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = permit.evicted() => None,
        () = permit.expired() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(limits.close_within, connection).await.ok()
        }
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            Some(connection.await)
        }
    };
    if let Some(Err(error)) = ended {
        debug!(%peer, %error, "a connection broke off");
    }
}

fn builder(limits: Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .max_buf_size(BUFFER)
        .header_read_timeout(limits.headers_within);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(ERROR_RESETS);
    builder
}

async fn answer(
    mut request: Request<Incoming>,
    peer: SocketAddr,
    router: Router,
    kind: Kind,
) -> Response<Body> {
    if kind == Kind::Reserved && !matches!(request.uri().path(), "/livez" | "/readyz") {
        let detail = "all connections of this aggregator are in use; try again";
        return ProblemResponse(Problem::new(ProblemCode::RateLimited, detail)).into_response();
    }
    request.extensions_mut().insert(ConnectInfo(peer));
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests;
