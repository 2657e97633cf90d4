//! `cluster.<name>.namespaces`: the namespaces of a cluster.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Access, Namespace, Page, Pattern, Request, Right};

/// Lists the namespaces, ordered by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListNamespaces {
    /// Only those that match one of these, before the page is cut by `limit` and `continue`; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<Pattern>>,
    /// At most this many items, [`crate::DEFAULT_LIMIT`] if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `continue` of the page before.
    #[serde(default, rename = "continue", skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Request for ListNamespaces {
    const VERB: &'static str = "namespaces";
    const ACCESS: Access = Access::Read;
    const RIGHT: Right = Right::Read;
    type Reply = Page<NamespaceSummary>;

    fn namespace(&self) -> Option<&Namespace> {
        None
    }
}

/// One namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NamespaceSummary {
    /// Its name.
    pub namespace: Namespace,
    /// `Active` or `Terminating`, as in Kubernetes.
    pub phase: String,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The number of its deployments.
    pub deployments: u64,
    /// The number of its StatefulSets.
    #[serde(default)]
    pub stateful_sets: u64,
    /// The number of its DaemonSets.
    #[serde(default)]
    pub daemon_sets: u64,
}
