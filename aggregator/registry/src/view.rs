//! A cluster as it is shown.

use bus_schema::{ClusterName, Condition, ConditionType, Counts};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Presence;
use labels::Labels;

/// One cluster.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClusterView {
    /// Its name.
    pub cluster: ClusterName,
    /// Its labels.
    pub labels: Labels,
    /// Whether its agents are heard.
    pub presence: Presence,
    /// When they were last heard.
    pub last_seen: Timestamp,
    /// How many seconds ago that was.
    pub age_seconds: u64,
    /// When the name was first heard.
    pub first_seen: Timestamp,
    /// The uid of the Kubernetes cluster that the name belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_uid: Option<String>,
    /// The version that its API server reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// The version of its agent.
    pub agent_version: String,
    /// How many agents are heard.
    pub agents: usize,
    /// The verbs that its agent answers.
    pub verbs: Vec<String>,
    /// What it holds, as last heard. Absent until its agent has read the cluster, and for a caller who may see only some of its
    /// namespaces: it counts all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// What is wrong.
    pub conditions: Vec<Condition>,
}

impl ClusterView {
    /// What those are shown of it who may see only some of its namespaces: nothing that counts or names the others.
    #[must_use]
    pub fn of_part(self) -> Self {
        Self {
            counts: None,
            conditions: of_part(&self.conditions),
            ..self
        }
    }
}

/// Conditions without counts and without the agent's own text, which may name any namespace.
pub(super) fn of_part(conditions: &[Condition]) -> Vec<Condition> {
    let plain = |condition: &Condition| {
        let message = match condition.kind {
            ConditionType::KubernetesUnreachable => "the agent cannot reach its API server",
            ConditionType::Unauthorized => "the API server does not accept the agent's token",
            ConditionType::Forbidden => "the agent's RBAC does not allow all that it needs",
            ConditionType::CacheStale => "the state shown for this cluster may be out of date",
            ConditionType::Misbehaving => "an agent of this cluster violates the protocol",
            // Said by the aggregator, of the agent's clock and of the cluster's identity.
            ConditionType::ClockSkew | ConditionType::IdentityConflict => &condition.message,
            ConditionType::Other => return None,
        };
        Some(Condition {
            message: message.to_owned(),
            ..condition.clone()
        })
    };
    conditions.iter().filter_map(plain).collect()
}
