//! Requests of agents for the renewal of their credentials, and the way back of the answers.

use std::sync::Arc;

use bus_schema::{ClusterName, CredentialRenewal, InstanceId, subject};

use super::agent_messages::{AgentMessages, Kind};
use super::{Fleet, json, rate_limit};

/// Of several replicas one answers.
const QUEUE: &str = "aggregator";

impl Fleet {
    /// Subscribes to them; `None` when the client has ended.
    pub async fn renewal_requests(self: &Arc<Self>) -> Option<AgentMessages> {
        let kind = Kind {
            bus: self.link.unasked.clone(),
            name: "requests for renewal",
            pattern: subject::RENEWALS.to_owned(),
            queue: Some(QUEUE),
            limit: rate_limit::RENEWALS,
        };
        AgentMessages::open(&self.registry, &self.metrics, kind).await
    }

    /// Answers the agent that has asked.
    pub async fn answer_renewal(
        &self,
        cluster: &ClusterName,
        instance: &InstanceId,
        renewal: &CredentialRenewal,
    ) {
        let answer_to = subject::credential(cluster, instance);
        self.link.bus.publish(answer_to, json(renewal).into()).await;
    }
}
