//! The authorising client of clusters. Each request is authorised first; mutations go through the journal: audited, with a deadline,
//! and reconciled if the outcome is lost. A handler cannot skip any of this.

use std::sync::Arc;

use bus_schema::{ClusterName, Namespace, Request, Right, Verb};
use bytes::Bytes;

use super::SharedRegistry;
use super::agent_link::{AgentLink, SendError, read_reply};
use super::change_limit::ChangeLimit;
use super::journal::Journal;
use super::protection::Protection;
use super::refusals::{bus_unavailable, lacks_right, offline, unknown, unwritable};
use diagnostics::{Problem, ProblemCode};
use identity::Principal;
use registry::Presence;
use storage::bus::BusError;

/// The protocol violation of an agent whose reply cannot be parsed.
pub(super) const NO_REPLY: &str = "sent an invalid reply";

/// The clusters, for principals who may query or change them: the only way for a user to reach one.
#[derive(Debug)]
pub struct Fleet {
    pub(super) link: Arc<AgentLink>,
    pub(super) registry: Arc<SharedRegistry>,
    pub(super) journal: Journal,
    pub(super) change_limit: Arc<ChangeLimit>,
    pub(super) protection: Protection,
}

impl Fleet {
    /// Reaches the clusters of this registry over this link.
    #[must_use]
    pub fn new(
        link: Arc<AgentLink>,
        registry: Arc<SharedRegistry>,
        journal: Journal,
        change_limit: Arc<ChangeLimit>,
        protection: Protection,
    ) -> Self {
        Self {
            link,
            registry,
            journal,
            change_limit,
            protection,
        }
    }

    /// Sends a read request to a cluster.
    ///
    /// # Errors
    /// [`ProblemCode::ClusterUnknown`] or [`ProblemCode::NotFound`] for anything that the principal may not see, as if it did not
    /// exist.
    pub async fn ask<R: Request>(
        &self,
        principal: &Principal,
        cluster: &ClusterName,
        request: &R,
    ) -> Result<R::Reply, Problem> {
        let reply = self.ask_for_bytes(principal, cluster, request).await?;
        read_reply(&reply).map_err(|error| self.read_error(error, cluster))
    }

    pub(super) async fn ask_for_bytes<R: Request>(
        &self,
        principal: &Principal,
        cluster: &ClusterName,
        request: &R,
    ) -> Result<Bytes, Problem> {
        self.authorise(principal, cluster, request)?;
        self.read(cluster, request).await
    }

    /// Sends a read request of the aggregator itself, which no grants apply to: its caller decides who may see the reply.
    ///
    /// # Errors
    /// As [`Fleet::ask`].
    pub async fn ask_for_itself<R: Request>(
        &self,
        cluster: &ClusterName,
        request: &R,
    ) -> Result<R::Reply, Problem> {
        let reply = self.read(cluster, request).await?;
        read_reply(&reply).map_err(|error| self.read_error(error, cluster))
    }

    async fn read<R: Request>(&self, cluster: &ClusterName, request: &R) -> Result<Bytes, Problem> {
        if self.link.is_cut_off() {
            return Err(bus_unavailable());
        }
        match self.registry.presence(cluster) {
            Some(Presence::Online | Presence::Stale) => {}
            Some(Presence::Offline) => return Err(offline(cluster)),
            None => return Err(unknown(cluster)),
        }
        self.link
            .send_for_bytes(cluster, request, R::TIMEOUT)
            .await
            .map_err(|error| self.read_error(error, cluster))
    }

    /// The only authorisation check for this verb in this cluster and namespace.
    pub(super) fn authorise<R: Request>(
        &self,
        principal: &Principal,
        cluster: &ClusterName,
        request: &R,
    ) -> Result<(), Problem> {
        self.authorise_verb(principal, cluster, Verb::of::<R>(), request.namespace())
    }

    pub(super) fn authorise_verb(
        &self,
        principal: &Principal,
        cluster: &ClusterName,
        verb: Verb,
        namespace: Option<&Namespace>,
    ) -> Result<(), Problem> {
        let grants = &principal.grants;
        if !grants.sees(cluster) || self.registry.presence(cluster).is_none() {
            return Err(unknown(cluster));
        }
        if grants.may(verb.right, cluster, namespace) {
            return self.knows(cluster, verb.name);
        }
        if let Some(namespace) =
            namespace.filter(|namespace| !grants.may(Right::Read, cluster, Some(namespace)))
        {
            return Err(Problem::new(
                ProblemCode::NotFound,
                format!("there is no namespace \"{namespace}\" in {cluster} that you may see"),
            ));
        }
        Err(lacks_right(cluster, verb.right))
    }

    /// A verb that an older agent does not support is not sent to it: without a subscriber, the agent would seem to be offline.
    fn knows(&self, cluster: &ClusterName, verb: &str) -> Result<(), Problem> {
        if self.registry.read().answers(cluster, verb) {
            return Ok(());
        }
        Err(Problem::new(
            ProblemCode::AgentTooOld,
            format!("the agent of {cluster} does not know \"{verb}\"; update it"),
        ))
    }

    /// The problem of a failed read, which can always be retried.
    pub(super) fn read_error(&self, error: SendError, cluster: &ClusterName) -> Problem {
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
