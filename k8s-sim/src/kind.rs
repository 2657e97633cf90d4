//! The kinds of object that the simulated API serves, and their names in paths, bodies and errors.

use k8s_openapi::Metadata;
use k8s_openapi::api::apps::v1::{
    ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet,
};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Event, Namespace, Node, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde::de::DeserializeOwned;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Namespace,
    Node,
    Pod,
    Event,
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    ControllerRevision,
    HorizontalPodAutoscaler,
    PodDisruptionBudget,
}

impl Kind {
    pub const ALL: [Kind; 11] = [
        Kind::Namespace,
        Kind::Node,
        Kind::Pod,
        Kind::Event,
        Kind::Deployment,
        Kind::ReplicaSet,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::ControllerRevision,
        Kind::HorizontalPodAutoscaler,
        Kind::PodDisruptionBudget,
    ];

    pub fn find(group: &str, version: &str, plural: &str) -> Option<Kind> {
        Kind::ALL
            .into_iter()
            .find(|kind| (kind.group(), kind.version(), kind.plural()) == (group, version, plural))
    }

    /// The kind with this name; no two kinds here share one.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Kind::Namespace => "Namespace",
            Kind::Node => "Node",
            Kind::Pod => "Pod",
            Kind::Event => "Event",
            Kind::Deployment => "Deployment",
            Kind::ReplicaSet => "ReplicaSet",
            Kind::StatefulSet => "StatefulSet",
            Kind::DaemonSet => "DaemonSet",
            Kind::ControllerRevision => "ControllerRevision",
            Kind::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Kind::PodDisruptionBudget => "PodDisruptionBudget",
        }
    }

    pub fn plural(self) -> &'static str {
        match self {
            Kind::Namespace => "namespaces",
            Kind::Node => "nodes",
            Kind::Pod => "pods",
            Kind::Event => "events",
            Kind::Deployment => "deployments",
            Kind::ReplicaSet => "replicasets",
            Kind::StatefulSet => "statefulsets",
            Kind::DaemonSet => "daemonsets",
            Kind::ControllerRevision => "controllerrevisions",
            Kind::HorizontalPodAutoscaler => "horizontalpodautoscalers",
            Kind::PodDisruptionBudget => "poddisruptionbudgets",
        }
    }

    pub fn short_names(self) -> &'static [&'static str] {
        match self {
            Kind::Namespace => &["ns"],
            Kind::Node => &["no"],
            Kind::Pod => &["po"],
            Kind::Event => &["ev"],
            Kind::Deployment => &["deploy"],
            Kind::ReplicaSet => &["rs"],
            Kind::StatefulSet => &["sts"],
            Kind::DaemonSet => &["ds"],
            Kind::ControllerRevision => &[],
            Kind::HorizontalPodAutoscaler => &["hpa"],
            Kind::PodDisruptionBudget => &["pdb"],
        }
    }

    pub fn group(self) -> &'static str {
        match self {
            Kind::Namespace | Kind::Node | Kind::Pod | Kind::Event => "",
            Kind::Deployment
            | Kind::ReplicaSet
            | Kind::StatefulSet
            | Kind::DaemonSet
            | Kind::ControllerRevision => "apps",
            Kind::HorizontalPodAutoscaler => "autoscaling",
            Kind::PodDisruptionBudget => "policy",
        }
    }

    pub fn version(self) -> &'static str {
        match self {
            Kind::HorizontalPodAutoscaler => "v2",
            _ => "v1",
        }
    }

    /// The group with the version: `apps/v1`.
    pub fn api_version(self) -> &'static str {
        match self.group() {
            "apps" => "apps/v1",
            "autoscaling" => "autoscaling/v2",
            "policy" => "policy/v1",
            _ => "v1",
        }
    }

    pub fn is_namespaced(self) -> bool {
        !matches!(self, Kind::Namespace | Kind::Node)
    }

    pub fn has_generation(self) -> bool {
        self.is_workload() || matches!(self, Kind::Pod | Kind::PodDisruptionBudget)
    }

    pub fn has_status(self) -> bool {
        !matches!(self, Kind::Event | Kind::ControllerRevision)
    }

    pub fn is_scalable(self) -> bool {
        self.is_workload() && self != Kind::DaemonSet
    }

    /// Whether a controller creates what the object's pod template describes.
    pub fn is_workload(self) -> bool {
        matches!(
            self,
            Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet
        )
    }

    /// `deployments.apps`, as error messages name a resource.
    pub fn qualified_plural(self) -> String {
        qualified(self.plural(), self.group())
    }

    /// `Deployment.apps`, as validation errors name a kind.
    pub fn qualified_name(self) -> String {
        qualified(self.name(), self.group())
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() {
        name.to_owned()
    } else {
        format!("{name}.{group}")
    }
}

/// A typed object that the store can hold.
pub trait Resource: Metadata<Ty = ObjectMeta> + Serialize + DeserializeOwned + Clone {
    const TYPE: Kind;
}

impl Resource for Namespace {
    const TYPE: Kind = Kind::Namespace;
}
impl Resource for Node {
    const TYPE: Kind = Kind::Node;
}
impl Resource for Pod {
    const TYPE: Kind = Kind::Pod;
}
impl Resource for Event {
    const TYPE: Kind = Kind::Event;
}
impl Resource for Deployment {
    const TYPE: Kind = Kind::Deployment;
}
impl Resource for ReplicaSet {
    const TYPE: Kind = Kind::ReplicaSet;
}
impl Resource for StatefulSet {
    const TYPE: Kind = Kind::StatefulSet;
}
impl Resource for DaemonSet {
    const TYPE: Kind = Kind::DaemonSet;
}
impl Resource for ControllerRevision {
    const TYPE: Kind = Kind::ControllerRevision;
}
impl Resource for HorizontalPodAutoscaler {
    const TYPE: Kind = Kind::HorizontalPodAutoscaler;
}
impl Resource for PodDisruptionBudget {
    const TYPE: Kind = Kind::PodDisruptionBudget;
}
