//! Accepts connections, with limits on their number (in total and by address), on the time for sending a request and for reading the
//! response, and with a graceful shutdown.
//!
//! Anybody can connect, so idle connections do not keep their permits: one without a request in flight is closed after a while, and at once
//! when another connection needs its permit, the longest idle one first. Eviction alone would refuse probes while every permit has a request
//! in flight, and a reserve alone would refuse everybody else; so there are both.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tracing::{debug, warn};

use crate::problem_response::rendered;
use crate::routes::ANSWER_WITHIN;
use crate::trusted_proxies::TrustedProxies;
use diagnostics::{Problem, ProblemCode};

mod activity;
mod counts;
mod host;
mod permits;

pub use counts::ConnectionCounts;

use permits::{Kind, Permit, Permits};

/// Bytes buffered per connection: of a request's headers, and of a response that is not read.
const BUFFER: usize = 64 * 1024;

/// HTTP/2 streams that the client reset before they were accepted. One more ends the connection: no normal client has that many.
const PENDING_RESETS: usize = 20;

/// HTTP/2 streams that the server reset because of errors. One more ends the connection.
const ERROR_RESETS: usize = 256;

/// The limits that operators can set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// For an IPv4 address, and for an IPv6 network of 64 bits.
    pub per_address: usize,
    /// Proxies with many users behind one address, to which only the total limit applies.
    pub trusted_proxies: TrustedProxies,
    /// How long a connection may stay without a request, and a request without progress.
    pub idle_within: Duration,
    /// The metrics of connections.
    pub counts: ConnectionCounts,
}

/// A quarter of all: one address cannot take every connection, but it is enough for an office behind one address.
pub const PER_ADDRESS: usize = 1_024;

/// Longer than the minute for which nginx and the load balancers of clouds keep a connection: the side that closes first must be the one that sends
/// requests, since one that is sent meanwhile is lost.
pub const IDLE_WITHIN: Duration = Duration::from_secs(120);

/// Longer than the time until a response must begin, and than the pauses in event streams.
pub const SHORTEST_IDLE_WITHIN: Duration = Duration::from_secs(ANSWER_WITHIN.as_secs() + 5);

impl Default for Settings {
    fn default() -> Self {
        Self {
            per_address: PER_ADDRESS,
            trusted_proxies: TrustedProxies::default(),
            idle_within: IDLE_WITHIN,
            counts: ConnectionCounts::default(),
        }
    }
}

/// All limits but those of an address.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Most connections at a time.
    connections: usize,
    /// Further connections while all of these have a request in flight, only for `/livez` and `/readyz`.
    reserve: usize,
    /// How long a new connection's first request may take, with its headers. A later one may take until the connection is idle for too long.
    headers_within: Duration,
    /// As in [`Settings`]. Not shorter than `headers_within`.
    idle_within: Duration,
    /// How long closing a connection gracefully may take.
    close_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            reserve: 64,
            headers_within: Duration::from_secs(10),
            idle_within: IDLE_WITHIN,
            close_within: Duration::from_secs(5),
        }
    }
}

/// Serves until `stopping` is cancelled and all requests received by then are answered.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: Settings,
    stopping: CancellationToken,
) {
    let limits = Limits {
        idle_within: settings.idle_within,
        ..Limits::default()
    };
    serve_within(listener, router, settings, limits, stopping).await;
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
                // Without a permit the stream is dropped, which closes it.
                if let Some(permit) = permits.acquire(peer.ip()) {
                    let served = serve_one(stream, peer, router.clone(), permit, stopping.clone());
                    connections.spawn(served);
                }
            }
            Err(error) if is_of_one(&error) => debug!(%error, "a connection broke off"),
            Err(error) => {
                // Most likely out of file descriptors: the limit of the process may be lower than the number of permits.
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

/// Whether the error concerns a single connection, and not the listener.
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
    // Events are small and should be sent without delay.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "cannot set TCP_NODELAY: responses may be delayed");
    }
    let limits = permit.limits();
    let (kind, activity) = (permit.kind(), permit.activity());
    let service = service_fn(move |request| {
        // Counted from here on, so that a request that waits for its task counts too.
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
            tokio::select! {
                ended = connection => Some(ended),
                () = permit.expired() => None,
            }
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
        // It also runs while no request is sent, and would close connections that are kept alive. `Permit::expired` limits the first one.
        .header_read_timeout(limits.idle_within);
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
        return rendered(Problem::new(ProblemCode::RateLimited, detail));
    }
    if let Err(problem) = host::check(&request) {
        return rendered(problem);
    }
    request.extensions_mut().insert(ConnectInfo(peer));
    let version = request.version();
    let Ok(response) = router.oneshot(request).await;
    ended_by_closing(version, response)
}

/// In HTTP/1.0 only the end of the connection ends a response whose length is not known, so it must not promise to keep it alive.
fn ended_by_closing(version: Version, mut response: Response<Body>) -> Response<Body> {
    if version == Version::HTTP_10 && response.body().size_hint().exact().is_none() {
        // hyper keeps a connection alive only for a response of HTTP/1.1.
        *response.version_mut() = version;
    }
    response
}

#[cfg(test)]
mod tests;
