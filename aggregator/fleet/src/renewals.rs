//! Requests of agents for the renewal of their credentials, and the replies.

use std::sync::Arc;

use bus_schema::{ClusterName, CredentialRenewal, InstanceId, subject};

use super::agent_link::AgentLink;
use super::agent_messages::{AgentMessages, Kind};
use super::{SharedRegistry, json, rate_limit};
use diagnostics::Metrics;

/// The queue group: one of several replicas answers.
const QUEUE: &str = "aggregator";

/// The requests of all agents.
#[derive(Debug)]
pub struct RenewalRequests {
    link: Arc<AgentLink>,
    registry: Arc<SharedRegistry>,
    metrics: Metrics,
}

impl RenewalRequests {
    /// Receives the requests of this link.
    #[must_use]
    pub fn new(link: Arc<AgentLink>, registry: Arc<SharedRegistry>, metrics: Metrics) -> Self {
        Self {
            link,
            registry,
            metrics,
        }
    }

    /// Subscribes to the requests; `None` when the client has ended.
    pub async fn subscribe(&self) -> Option<AgentMessages> {
        let kind = Kind {
            bus: self.link.unasked.clone(),
            name: "requests for renewal",
            pattern: subject::RENEWALS.to_owned(),
            queue: Some(QUEUE),
            limit: rate_limit::RENEWALS,
        };
        AgentMessages::open(&self.registry, &self.metrics, kind).await
    }

    /// Replies to the requesting agent.
    pub async fn answer(
        &self,
        cluster: &ClusterName,
        instance: &InstanceId,
        renewal: &CredentialRenewal,
    ) {
        let answer_to = subject::credential(cluster, instance);
        self.link.bus.publish(answer_to, json(renewal).into()).await;
    }

    /// Records the protocol violation that an agent of this cluster has sent an invalid request.
    pub fn reject(&self, cluster: &ClusterName, error: Option<&dyn std::error::Error>) {
        let what = "sent an invalid renewal request";
        self.registry.protocol_violation(cluster, what, error);
    }
}
