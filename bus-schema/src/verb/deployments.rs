//! `cluster.<name>.deployments`: the deployments of a cluster, filtered and paged.

use std::collections::BTreeMap;
use std::ops::Not;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Access, Health, HealthFilter, Namespace, Page, Request, Right, WorkloadName};

/// Lists deployments, ordered by namespace and name. All given filters must match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListDeployments {
    /// Only if the cluster has this uid: a requester that stores the reply must know which cluster it describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_uid: Option<String>,
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

impl Request for ListDeployments {
    const VERB: &'static str = "deployments";
    const ACCESS: Access = Access::Read;
    const RIGHT: Right = Right::Read;
    type Reply = Page<DeploymentSummary>;

    fn namespace(&self) -> Option<&Namespace> {
        self.namespace.as_ref()
    }
}

/// One deployment in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeploymentSummary {
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name.
    pub deployment_name: WorkloadName,
    /// Whether its rollout is paused, independent of its health.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub paused: bool,
    /// Whether a rollout stops all old pods before new ones start: the strategy `Recreate`.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub recreate: bool,
    /// Desired replicas.
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
