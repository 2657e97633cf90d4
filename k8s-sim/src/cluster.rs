//! One simulated cluster: an API server with its controllers and nodes, reached in process or over TCP.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::api;
use crate::fault::Faults;
use crate::listener;
use crate::shared::Shared;
use crate::state::State;
use crate::store::Key;

/// The amount of controller work between two chances for requests to run.
const AT_ONCE: usize = 50;

/// A handle: clones are the same cluster.
#[derive(Clone)]
pub struct Cluster {
    name: String,
    address: Option<SocketAddr>,
    shared: Arc<Shared>,
}

impl Cluster {
    pub(crate) fn new(name: String, state: State, shutdown: CancellationToken) -> Self {
        let shared = Arc::new(Shared::new(state, shutdown));
        if !shared.clock.is_manual() {
            tokio::spawn(run_controllers(shared.clone()));
        }
        Self {
            name,
            address: None,
            shared,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The uid of the namespace `kube-system`, which identifies the cluster.
    pub fn uid(&self) -> String {
        let namespace = self
            .shared
            .state()
            .store
            .read::<Namespace>(&Key::new("", "kube-system"));
        namespace
            .and_then(|namespace| namespace.metadata.uid)
            .unwrap_or_default()
    }

    /// Where the API listens; `None` when the simulation was started without listeners.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// The API as a tower service.
    pub fn router(&self) -> Router {
        api::router(self.shared.clone())
    }

    /// A client that reaches the API in process, without a socket.
    pub fn client(&self) -> kube::Client {
        let service = self
            .router()
            .map_request(|request: axum::http::Request<kube::client::Body>| request.map(Body::new));
        kube::Client::new(
            service.map_err(|never: Infallible| match never {}),
            "default",
        )
    }

    /// Ends all open watches without an event, like a broken connection.
    pub fn break_watches(&self) {
        self.shared.breaks.send_modify(|count| *count += 1);
    }

    /// Compacts the history: watches and continue tokens of older versions get 410. Open watches end.
    pub fn compact(&self) {
        self.shared.state().store.compact();
        self.break_watches();
    }

    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.shared.state().queue.next_due()
    }

    pub(crate) fn step(&self, now: Timestamp) {
        self.shared.state().step(now, usize::MAX);
    }

    /// Serves on the listener until the simulation ends.
    pub(crate) fn listen(&mut self, listener: TcpListener) -> std::io::Result<()> {
        self.address = Some(listener.local_addr()?);
        let shutdown = self.shared.shutdown.clone();
        tokio::spawn(listener::serve(listener, self.router(), shutdown));
        Ok(())
    }
}

async fn run_controllers(shared: Arc<Shared>) {
    loop {
        let next = {
            let mut state = shared.state();
            state.step(shared.clock.now(), AT_ONCE);
            state.queue.next_due()
        };
        // Requests run between two portions of work.
        tokio::task::yield_now().await;
        let due = async {
            match next {
                Some(due) => shared.clock.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = shared.work.notified() => {}
            () = shared.shutdown.cancelled() => return,
        }
    }
}
