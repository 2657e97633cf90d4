//! The link to the agents: one connection for requests, and one for messages that agents publish. Authorisation is the responsibility
//! of its users, all of which are in this crate.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bus_link::encoding;
use bus_schema::{ClusterName, Request};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use diagnostics::Metrics;
use storage::bus::{Bus, BusError};

/// Both connections, and whether the nats-server answers on them.
#[derive(Debug)]
pub struct AgentLink {
    pub(super) bus: Bus,
    /// For messages that agents publish. A flood of them may make the broker close this connection, but delays no request.
    pub(super) unasked: Bus,
    /// Whether the server answers requests.
    is_answered: AtomicBool,
    metrics: Metrics,
}

/// Why a request to a cluster has no reply.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("the request cannot be written")]
    Unwritable(#[source] serde_json::Error),
    #[error("the reply cannot be read")]
    Unreadable(#[source] Cause),
    #[error(transparent)]
    Bus(#[from] BusError),
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

impl AgentLink {
    /// Uses one connection for requests and one for published messages.
    #[must_use]
    pub fn new((bus, unasked): (Bus, Bus), metrics: Metrics) -> Self {
        Self {
            bus,
            unasked,
            is_answered: AtomicBool::new(true),
            metrics,
        }
    }

    /// Whether requests can be sent now.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.bus.is_up()
    }

    /// Whether agents are unreachable: the connection is down, or no responses arrive on it.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        !self.is_up() || !self.is_answered.load(Ordering::Relaxed)
    }

    pub(super) fn set_answered(&self, is_answered: bool) {
        self.is_answered.store(is_answered, Ordering::Relaxed);
    }

    pub(super) async fn send_for_bytes<R: Request>(
        &self,
        cluster: &ClusterName,
        request: &R,
        within: Duration,
    ) -> Result<Bytes, SendError> {
        self.send_json(cluster, R::VERB, request, within).await
    }

    /// The same for a request whose type is not known.
    pub(super) async fn send_json(
        &self,
        cluster: &ClusterName,
        verb: &'static str,
        request: &impl Serialize,
        within: Duration,
    ) -> Result<Bytes, SendError> {
        let payload = serde_json::to_vec(request).map_err(SendError::Unwritable)?;
        let reply = self
            .bus
            .request_agent(cluster, verb, payload.into(), within);
        let reply = reply.await;
        let outcome = reply.as_ref().map_or_else(BusError::as_str, |_| "answered");
        self.metrics.asked(verb, outcome);
        let reply = reply?;
        encoding::unpack(reply.payload, reply.headers.as_ref())
            .map_err(|error| SendError::Unreadable(error.into()))
    }
}

pub(super) fn read_reply<T: DeserializeOwned>(payload: &[u8]) -> Result<T, SendError> {
    serde_json::from_slice(payload).map_err(|error| SendError::Unreadable(error.into()))
}
