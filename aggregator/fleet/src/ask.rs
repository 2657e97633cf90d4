//! A request to one cluster: whether the principal may make it, its way over the bus, and what is said when it has no reply.

use std::time::Duration;

use bus_link::encoding;
use bus_schema::{ClusterName, Request, Right};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Fleet;
use diagnostics::{Problem, ProblemCode};
use identity::Principal;
use registry::Presence;
use storage::bus::BusError;

pub const NO_REPLY: &str = "answered with what is not a reply";

/// Why a request to a cluster has no reply.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("the request cannot be written")]
    Unwritable(#[source] serde_json::Error),
    #[error("the reply cannot be read")]
    Unreadable(#[source] Cause),
    #[error(transparent)]
    Bus(#[from] BusError),
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

impl Fleet {
    /// Asks a cluster for what changes nothing.
    ///
    /// # Errors
    /// What the principal may not see is [`ProblemCode::ClusterUnknown`] or [`ProblemCode::NotFound`], as if it did not exist.
    pub async fn ask<R: Request>(
        &self,
        principal: &Principal,
        cluster: &ClusterName,
        request: &R,
    ) -> Result<R::Reply, Problem> {
        let reply = self.ask_for_bytes(principal, cluster, request).await?;
        read_reply(&reply).map_err(|error| self.of_read(error, cluster))
    }

    pub(super) async fn ask_for_bytes<R: Request>(
        &self,
        principal: &Principal,
        cluster: &ClusterName,
        request: &R,
    ) -> Result<Bytes, Problem> {
        self.authorise(principal, cluster, request)?;
        if self.is_cut_off() {
            return Err(bus_unavailable());
        }
        if self.registry.presence(cluster) == Some(Presence::Offline) {
            return Err(offline(cluster));
        }
        self.send_for_bytes(cluster, request, R::TIMEOUT)
            .await
            .map_err(|error| self.of_read(error, cluster))
    }

    /// The one place where it is decided whether the principal may use this verb there.
    pub(super) fn authorise<R: Request>(
        &self,
        principal: &Principal,
        cluster: &ClusterName,
        request: &R,
    ) -> Result<(), Problem> {
        let (grants, namespace) = (&principal.grants, request.namespace());
        if !grants.sees(cluster) || self.registry.presence(cluster).is_none() {
            return Err(unknown(cluster));
        }
        if grants.may(R::RIGHT, cluster, namespace) {
            return self.knows(cluster, R::VERB);
        }
        if let Some(namespace) =
            namespace.filter(|namespace| !grants.may(Right::Read, cluster, Some(namespace)))
        {
            return Err(Problem::new(
                ProblemCode::NotFound,
                format!("there is no namespace \"{namespace}\" in {cluster} that you may see"),
            ));
        }
        Err(lacks_right(cluster, R::RIGHT))
    }

    /// An older agent is not asked for what it does not answer: nobody would listen, as if it were offline.
    fn knows(&self, cluster: &ClusterName, verb: &str) -> Result<(), Problem> {
        if self.registry.read().answers(cluster, verb) {
            return Ok(());
        }
        Err(Problem::new(
            ProblemCode::AgentTooOld,
            format!("the agent of {cluster} does not know \"{verb}\"; update it"),
        ))
    }

    pub(super) async fn send<R: Request>(
        &self,
        cluster: &ClusterName,
        request: &R,
        within: Duration,
    ) -> Result<R::Reply, SendError> {
        read_reply(&self.send_for_bytes(cluster, request, within).await?)
    }

    pub(super) async fn send_for_bytes<R: Request>(
        &self,
        cluster: &ClusterName,
        request: &R,
        within: Duration,
    ) -> Result<Bytes, SendError> {
        self.send_json(cluster, R::VERB, request, within).await
    }

    /// The same, where the request's type is not known.
    pub(super) async fn send_json(
        &self,
        cluster: &ClusterName,
        verb: &'static str,
        request: &impl Serialize,
        within: Duration,
    ) -> Result<Bytes, SendError> {
        let payload = serde_json::to_vec(request).map_err(SendError::Unwritable)?;
        let asked = self
            .link
            .bus
            .request_agent(cluster, verb, payload.into(), within);
        let reply = asked.await;
        let outcome = reply.as_ref().map_or_else(BusError::word, |_| "answered");
        self.metrics.asked(verb, outcome);
        let reply = reply?;
        encoding::unpack(reply.payload, reply.headers.as_ref())
            .map_err(|error| SendError::Unreadable(error.into()))
    }

    /// A read that failed: whatever happened, it may simply be asked again.
    pub(super) fn of_read(&self, error: SendError, cluster: &ClusterName) -> Problem {
        match error {
            SendError::Unwritable(error) => unwritable(error),
            SendError::Unreadable(error) => {
                self.registry
                    .protocol_violation(cluster, NO_REPLY, Some(&*error))
            }
            SendError::Bus(BusError::Unavailable) => bus_unavailable(),
            SendError::Bus(BusError::NoResponders) => offline(cluster),
            SendError::Bus(BusError::TimedOut) => Problem::new(
                ProblemCode::ClusterTimeout,
                format!("the agent of {cluster} did not answer in time"),
            ),
            SendError::Bus(BusError::Fault(fault)) => fault.into(),
        }
    }
}

pub fn read_reply<T: DeserializeOwned>(payload: &[u8]) -> Result<T, SendError> {
    serde_json::from_slice(payload).map_err(|error| SendError::Unreadable(error.into()))
}

pub fn unwritable(error: serde_json::Error) -> Problem {
    tracing::error!(%error, "a request cannot be written as JSON");
    Problem::new(ProblemCode::Internal, "the request cannot be written")
}

/// What a principal is answered who lacks a right.
#[must_use]
pub fn lacks_right(cluster: &ClusterName, right: Right) -> Problem {
    let detail = format!(
        "your grants on {cluster} lack the right \"{}\"; GET /me lists them",
        right_name(right)
    );
    Problem::new(ProblemCode::Forbidden, detail)
}

pub fn right_name(right: Right) -> String {
    let json = serde_json::to_value(right).ok();
    json.as_ref()
        .and_then(|value| value.as_str())
        .unwrap_or_default()
        .to_owned()
}

pub fn unknown(cluster: &ClusterName) -> Problem {
    Problem::new(
        ProblemCode::ClusterUnknown,
        format!("there is no cluster \"{cluster}\" that you may see; GET /clusters lists them"),
    )
}

pub fn offline(cluster: &ClusterName) -> Problem {
    Problem::new(
        ProblemCode::ClusterOffline,
        format!("no agent of {cluster} listens; see its last heartbeat in GET /clusters"),
    )
}

pub fn bus_unavailable() -> Problem {
    Problem::new(
        ProblemCode::BusUnavailable,
        "the aggregator is cut off from the bus; nothing was sent",
    )
}
