//! The view of a cluster, for users.

use bus_schema::{Access, ClusterName, Condition, ConditionType, Counts, Heartbeat, VERBS};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::presence::Presence;
use labels::Labels;

/// A cluster.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClusterView {
    /// Its name.
    pub cluster: ClusterName,
    /// Its labels.
    pub labels: Labels,
    /// Whether its agents send heartbeats.
    pub presence: Presence,
    /// When the last heartbeat arrived.
    pub last_seen: Timestamp,
    /// How many seconds ago that was.
    pub age_seconds: u64,
    /// When the first heartbeat arrived.
    pub first_seen: Timestamp,
    /// The uid of the Kubernetes cluster that the name belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_uid: Option<String>,
    /// The version that its API server reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// The version of its agent.
    pub agent_version: String,
    /// Number of live agents.
    pub agents: usize,
    /// The verbs that its agent supports.
    pub verbs: Vec<String>,
    /// Those of them that change something and that the cluster is enrolled for.
    pub allowed_verbs: Vec<String>,
    /// Counts of its objects, from the last heartbeat. Absent until its agent has read the cluster, and for a caller who may see only some
    /// of its namespaces, since it counts all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// What is wrong.
    pub conditions: Vec<Condition>,
}

impl ClusterView {
    /// The view for users who may see only some of its namespaces: nothing in it counts or names the others.
    #[must_use]
    pub fn of_part(self) -> Self {
        Self {
            counts: None,
            conditions: of_part(&self.conditions),
            ..self
        }
    }
}

/// The mutations that the sender of a heartbeat carries out.
pub(super) fn allowed_verbs(heartbeat: &Heartbeat) -> impl Iterator<Item = &String> {
    let is_mutation = |name: &str| {
        let verb = VERBS.iter().find(|verb| verb.name == name);
        verb.is_some_and(|verb| verb.access == Access::Write)
    };
    let allowed = heartbeat.allowed_verbs.as_ref();
    let known = allowed.unwrap_or(&heartbeat.verbs);
    // The list of an agent that does not say which are enabled has the verbs that change nothing, too.
    let says = allowed.is_some();
    known.iter().filter(move |name| says || is_mutation(name))
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
            // Written by the aggregator; they are only about the agent's clock and the cluster's identity.
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
