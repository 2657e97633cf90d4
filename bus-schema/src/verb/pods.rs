//! `cluster.<name>.pods`: the pods of a deployment.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Access, ContainerName, Namespace, Page, PodName, Request, Right, WorkloadRef};

/// Lists the pods of a deployment, ordered by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPods {
    /// The workload.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// At most this many items, [`crate::DEFAULT_LIMIT`] if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `continue` of the page before.
    #[serde(default, rename = "continue", skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Request for ListPods {
    const VERB: &'static str = "pods";
    const ACCESS: Access = Access::Read;
    const RIGHT: Right = Right::Read;
    type Reply = Page<PodSummary>;

    fn namespace(&self) -> Option<&Namespace> {
        Some(&self.target.namespace)
    }
}

/// One pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PodSummary {
    /// Its name.
    pub pod: PodName,
    /// The status that `kubectl get pods` shows: `Running`, `Pending`, `CrashLoopBackOff`, `Terminating`, …
    pub status: String,
    /// Whether its condition `Ready` is true.
    pub ready: bool,
    /// Restarts of all its containers.
    pub restarts: u32,
    /// The node on which it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The ReplicaSet that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_set: Option<String>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Its containers, in the order of the pod template.
    pub containers: Vec<ContainerSummary>,
}

/// One container of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContainerSummary {
    /// Its name.
    pub container: ContainerName,
    /// Its image.
    pub image: String,
    /// Whether it is ready.
    pub ready: bool,
    /// How often it was restarted.
    pub restarts: u32,
    /// `running`, `waiting`, `terminated` or `unknown`.
    pub state: String,
    /// Kubernetes' reason why it is waiting or terminated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
