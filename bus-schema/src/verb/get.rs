//! `cluster.<name>.get`: one workload, with the containers of its template.

use std::collections::BTreeMap;
use std::ops::Not;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Access, ContainerName, Namespace, OperationId, Request, Right, WorkloadRef};

/// Gets one workload from the API server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetWorkload {
    /// The workload.
    #[serde(flatten)]
    pub target: WorkloadRef,
}

impl Request for GetWorkload {
    const VERB: &'static str = "get";
    const ACCESS: Access = Access::Read;
    const RIGHT: Right = Right::Read;
    type Reply = Workload;

    fn namespace(&self) -> Option<&Namespace> {
        Some(&self.target.namespace)
    }
}

/// A workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Workload {
    /// The workload.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// Its uid in Kubernetes: a workload that is deleted and created again under the same name gets a new one.
    pub uid: String,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The revision of its newest ReplicaSet, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Desired replicas.
    pub replicas: u32,
    /// Whether its rollout is paused.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub paused: bool,
    /// How new pods replace old ones: `RollingUpdate` or `Recreate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// When it was last restarted by `kubectl rollout restart` or by this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Timestamp>,
    /// The last operation of this project on it, according to its annotation, which anyone who may edit the workload can change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The containers of its template: init containers first, each in the order in which they start.
    pub containers: Vec<TemplateContainer>,
    /// Its conditions, as its controller reports them.
    #[serde(default)]
    pub conditions: Vec<WorkloadCondition>,
}

/// A container as the pod template specifies it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TemplateContainer {
    /// Its name.
    pub container: ContainerName,
    /// Its image.
    pub image: String,
    /// Whether it is an init container. One that restarts always is a sidecar.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub init: bool,
    /// Its resource requests, by resource, as Kubernetes quantities: `{"cpu": "250m", "memory": "64Mi"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, String>,
    /// Its resource limits, by resource, as Kubernetes quantities.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
}

/// A condition of a workload, as in Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkloadCondition {
    /// Such as `Available` or `Progressing`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// A machine-readable reason, such as `MinimumReplicasAvailable`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// A human-readable message.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When its status last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}
