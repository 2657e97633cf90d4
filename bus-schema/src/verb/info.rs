//! `cluster.<name>.info`: the agent that answers, and its cluster.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Access, ClusterName, Condition, Counts, InstanceId, Namespace, Request, Right};

/// Gets information about an agent and its cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetInfo {}

impl Request for GetInfo {
    const VERB: &'static str = "info";
    const ACCESS: Access = Access::Read;
    const RIGHT: Right = Right::Read;
    type Reply = ClusterInfo;

    fn namespace(&self) -> Option<&Namespace> {
        None
    }
}

/// An agent and its cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClusterInfo {
    /// The cluster's name, as configured in the agent.
    pub cluster: ClusterName,
    /// The answering process.
    pub instance: InstanceId,
    /// When that process started.
    pub started_at: Timestamp,
    /// The version of the agent's program.
    pub agent_version: String,
    /// The verbs that the agent supports.
    pub verbs: Vec<String>,
    /// The uid of the namespace `kube-system`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_uid: Option<String>,
    /// The version that the API server reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// What the agent's cache holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// What is wrong, as the agent sees it.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}
