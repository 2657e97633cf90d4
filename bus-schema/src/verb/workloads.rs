//! `cluster.<name>.workloads` and `cluster.<name>.deployments`: the workloads of a cluster, filtered and paged.

use std::collections::BTreeMap;
use std::ops::Not;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Access, Health, HealthFilter, Namespace, Page, Request, Right, WorkloadKind, WorkloadName,
    WorkloadRef,
};

/// Lists workloads, ordered by namespace, name and kind. All given filters must match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListWorkloads {
    /// Only if the cluster has this uid: a requester that stores the reply must know which cluster it describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_uid: Option<String>,
    /// Only those of these kinds; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<WorkloadKind>,
    /// Only those of this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// Only those whose labels match this Kubernetes label selector, equality or set based.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<String>,
    /// Only those whose name contains this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Only those with an image that contains this as a whole part: see [`crate::ImagePattern`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Only those with one of these healths.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub health: HealthFilter,
    /// At most this many items, [`crate::DEFAULT_LIMIT`] if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `continue` of the page before.
    #[serde(default, rename = "continue", skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Request for ListWorkloads {
    const VERB: &'static str = "workloads";
    const ACCESS: Access = Access::Read;
    const RIGHT: Right = Right::Read;
    type Reply = Page<WorkloadSummary>;

    fn namespace(&self) -> Option<&Namespace> {
        self.namespace.as_ref()
    }
}

/// Lists deployments: the same as [`ListWorkloads`] with this kind alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ListDeployments(pub ListWorkloads);

impl Request for ListDeployments {
    const VERB: &'static str = "deployments";
    const ACCESS: Access = Access::Read;
    const RIGHT: Right = Right::Read;
    type Reply = Page<WorkloadSummary>;

    fn namespace(&self) -> Option<&Namespace> {
        self.0.namespace.as_ref()
    }
}

/// One workload in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkloadSummary {
    /// Its namespace.
    pub namespace: Namespace,
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: WorkloadName,
    /// Its name, if it is a deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_name: Option<WorkloadName>,
    /// Whether its rollout is paused, independent of its health.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub paused: bool,
    /// Whether a rollout stops all old pods before new ones start: the strategy `Recreate`.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub recreate: bool,
    /// Whether pods run a new template only after someone deletes them: the update strategy `OnDelete`.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub on_delete: bool,
    /// Desired replicas; of a DaemonSet the number of nodes that should run one.
    pub replicas: u32,
    /// Ready replicas.
    pub ready: u32,
    /// Replicas that run the newest template.
    pub updated: u32,
    /// Available replicas: ready for at least `minReadySeconds`.
    pub available: u32,
    /// The images of its containers, in the order of the pod template.
    pub images: Vec<String>,
    /// Its health.
    pub health: Health,
    /// The reason for its health, unless that is obvious.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was last restarted by `kubectl rollout restart` or by this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Timestamp>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

impl WorkloadSummary {
    /// The workload that it is about.
    #[must_use]
    pub fn target(&self) -> WorkloadRef {
        WorkloadRef {
            namespace: self.namespace.clone(),
            kind: self.kind,
            name: self.name.clone(),
        }
    }
}
