//! `cluster.<name>.rollout`: the status of a deployment's rollout, by the rules of `kubectl rollout status`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Access, ContainerName, Namespace, OperationId, PodName, Request, Right, WorkloadRef};

/// Gets the status of a deployment's rollout from the API server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetRollout {
    /// The workload.
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
    /// Its state.
    pub state: RolloutState,
    /// What it is waiting for or why it failed, as kubectl reports it.
    pub message: String,
    /// Desired replicas.
    pub replicas: u32,
    /// Existing replicas, old and new.
    pub total: u32,
    /// Replicas that run the newest template.
    pub updated: u32,
    /// Ready replicas.
    pub ready: u32,
    /// Available replicas: ready for at least `minReadySeconds`.
    pub available: u32,
    /// The generation of the deployment's spec.
    pub generation: i64,
    /// The generation that the controller has observed.
    pub observed_generation: i64,
    /// The revision of the newest ReplicaSet, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// When the deployment was last restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Timestamp>,
    /// The last operation of this project on the deployment, according to its annotation, which anyone who may edit it can change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
    /// While it is in progress or has failed: what prevents its pods from becoming ready.
    #[serde(default)]
    pub problems: Vec<PodProblem>,
}

/// The state of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RolloutState {
    /// In progress.
    Progressing,
    /// Done.
    Complete,
    /// It exceeded its progress deadline.
    Failed,
    /// The deployment is paused and makes no progress until it is resumed.
    Paused,
    /// The deployment or its namespace is being deleted.
    Terminating,
    /// A value that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What prevents a container from becoming ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PodProblem {
    /// The pod.
    pub pod: PodName,
    /// The container; absent if the problem concerns the whole pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerName>,
    /// Kubernetes' reason, such as `ImagePullBackOff`.
    pub reason: String,
    /// Kubernetes' message; may be empty.
    #[serde(default)]
    pub message: String,
}
