//! `cluster.<name>.rollout`: how far a deployment's rollout is, by the rules of `kubectl rollout status`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Access, ContainerName, Namespace, PodName, Request, Right, WorkloadRef};

/// Asks for the status of a deployment's rollout, read from the API server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetRollout {
    /// Of which workload.
    #[serde(flatten)]
    pub target: WorkloadRef,
}

impl Request for GetRollout {
    const VERB: &'static str = "rollout";
    const ACCESS: Access = Access::Read;
    const RIGHT: Right = Right::Read;
    type Reply = Rollout;

    fn namespace(&self) -> Option<&Namespace> {
        Some(&self.target.namespace)
    }
}

/// The status of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rollout {
    /// The workload.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// Where it stands.
    pub state: RolloutState,
    /// What it waits for or why it failed, in kubectl's sense.
    pub message: String,
    /// Replicas that are wanted.
    pub replicas: u32,
    /// Replicas that exist, old and new.
    pub total: u32,
    /// Replicas that run the newest template.
    pub updated: u32,
    /// Replicas that are ready.
    pub ready: u32,
    /// Replicas that have been ready long enough.
    pub available: u32,
    /// The generation that is wanted.
    pub generation: i64,
    /// The generation that the controller has seen.
    pub observed_generation: i64,
    /// The revision of the newest ReplicaSet, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// When the deployment was last restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Timestamp>,
    /// While it is under way or failed: what keeps its pods from becoming ready.
    #[serde(default)]
    pub problems: Vec<PodProblem>,
}

/// Where a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RolloutState {
    /// Under way.
    Progressing,
    /// Done.
    Complete,
    /// It exceeded its progress deadline.
    Failed,
    /// The deployment is paused and will not get further until it is resumed.
    Paused,
    /// The deployment or its namespace is being deleted.
    Terminating,
    /// A value that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What keeps a container from becoming ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PodProblem {
    /// The pod.
    pub pod: PodName,
    /// The container; absent where the whole pod is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerName>,
    /// Kubernetes' word for it, such as `ImagePullBackOff`.
    pub reason: String,
    /// Kubernetes' explanation; may be empty.
    #[serde(default)]
    pub message: String,
}
