//! `cluster.<name>.events`: the Kubernetes events of a deployment, its ReplicaSets and its pods.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Access, Namespace, Page, Request, Right, WorkloadRef};

/// Lists events, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListEvents {
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

impl Request for ListEvents {
    const VERB: &'static str = "events";
    const ACCESS: Access = Access::Read;
    const RIGHT: Right = Right::Read;
    type Reply = Page<EventSummary>;

    fn namespace(&self) -> Option<&Namespace> {
        Some(&self.target.namespace)
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventSummary {
    /// When it was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// `Normal` or `Warning`, as in Kubernetes.
    #[serde(rename = "type")]
    pub kind: String,
    /// A machine-readable reason, such as `ScalingReplicaSet`.
    pub reason: String,
    /// A human-readable message.
    pub message: String,
    /// How often it occurred.
    pub count: u32,
    /// The object that it is about, as `Kind/name`.
    pub object: String,
}
