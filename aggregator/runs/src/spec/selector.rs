//! Which workloads a run changes.

use std::fmt;
use std::str::FromStr;

use bus_schema::{
    ClusterName, Filter, Health, HealthFilter, Namespace, Pattern, WorkloadFilter, WorkloadKind,
    WorkloadName, WorkloadRef,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

use super::{PATTERNS, wrong};
use diagnostics::Problem;
use labels::ClusterSelector;

/// Most workloads that can be excluded by name.
const EXCLUDED: usize = 1000;

/// The workloads of a run. All given fields must match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TargetSelector {
    /// Only in these clusters: names in which `*` stands for any characters; all if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub clusters: Vec<Pattern>,
    /// Only in clusters whose labels this Kubernetes label selector selects.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, nullable = false, example = "env=prod")]
    pub cluster_label_selector: Option<ClusterSelector>,
    /// Only in these namespaces, likewise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub namespaces: Vec<Pattern>,
    /// Only of these kinds; all if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<WorkloadKind>,
    /// Only those whose labels this Kubernetes label selector selects.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub label_selector: Option<String>,
    /// Only those of exactly this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<WorkloadName>,
    /// Only those whose name contains this text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 512)]
    pub q: Option<String>,
    /// Only those with an image that contains this as a whole part, such as `:1.4` or `shop/cart`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 512)]
    pub image: Option<String>,
    /// Only those with one of these healths.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<Health>)]
    pub health: HealthFilter,
    /// Only these workloads: `cluster/namespace/name`; all if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, max_items = 1000, example = json!(["prod-7/shop/db"]))]
    pub only: Vec<WorkloadPath>,
    /// But not these workloads: `cluster/namespace/name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, max_items = 1000, example = json!(["prod-7/shop/db"]))]
    pub exclude: Vec<WorkloadPath>,
}

/// One workload as text: `cluster/namespace/name`, a deployment, or `cluster/namespace/kind/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadPath {
    /// The cluster.
    pub cluster: ClusterName,
    /// The workload in it.
    pub workload: WorkloadRef,
}

impl TargetSelector {
    pub(super) fn validate(&self) -> Result<(), Problem> {
        for (field, count, most) in [
            ("targets.clusters", self.clusters.len(), PATTERNS),
            ("targets.namespaces", self.namespaces.len(), PATTERNS),
            ("targets.only", self.only.len(), EXCLUDED),
            ("targets.exclude", self.exclude.len(), EXCLUDED),
        ] {
            if count > most {
                return Err(wrong(field, format!("more than {most}")));
            }
        }
        match Filter::new(self.filter()) {
            Ok(_) => Ok(()),
            Err(fault) => {
                let field = fault.field.unwrap_or_default();
                let why = fault.message.trim_start_matches(&format!("{field}: "));
                Err(wrong(&format!("targets.{field}"), why))
            }
        }
    }

    /// The filter that agents apply.
    #[must_use]
    pub fn filter(&self) -> WorkloadFilter {
        WorkloadFilter {
            kinds: self.kinds.clone(),
            namespaces: self.namespaces.clone(),
            label_selector: self.label_selector.clone(),
            name: self.name.clone(),
            q: self.q.clone(),
            image: self.image.clone(),
            health: self.health.clone(),
        }
    }

    /// Whether it selects a workload, apart from what agents filter by.
    #[must_use]
    pub fn selects(&self, cluster: &ClusterName, workload: &WorkloadRef) -> bool {
        let is = |path: &WorkloadPath| path.cluster == *cluster && path.workload == *workload;
        (self.kinds.is_empty() || self.kinds.contains(&workload.kind))
            && (self.only.is_empty() || self.only.iter().any(is))
            && !self.exclude.iter().any(is)
    }
}

/// The text names no workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a workload: use cluster/namespace/name, or cluster/namespace/kind/name")]
pub struct WorkloadPathError;

impl FromStr for WorkloadPath {
    type Err = WorkloadPathError;

    fn from_str(text: &str) -> Result<Self, WorkloadPathError> {
        let tokens: Vec<&str> = text.split('/').collect();
        let (cluster, namespace, kind, name) = match tokens[..] {
            [cluster, namespace, name] => (cluster, namespace, WorkloadKind::Deployment, name),
            [cluster, namespace, kind, name] => {
                let kind = kind.parse().map_err(|_| WorkloadPathError)?;
                (cluster, namespace, kind, name)
            }
            _ => return Err(WorkloadPathError),
        };
        let namespace: Namespace = namespace.parse().map_err(|_| WorkloadPathError)?;
        Ok(Self {
            cluster: cluster.parse().map_err(|_| WorkloadPathError)?,
            workload: WorkloadRef {
                namespace,
                kind,
                name: name.parse().map_err(|_| WorkloadPathError)?,
            },
        })
    }
}

impl fmt::Display for WorkloadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WorkloadRef {
            namespace,
            kind,
            name,
        } = &self.workload;
        match kind {
            WorkloadKind::Deployment => write!(f, "{}/{namespace}/{name}", self.cluster),
            kind => write!(f, "{}/{namespace}/{kind}/{name}", self.cluster),
        }
    }
}

impl Serialize for WorkloadPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WorkloadPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
