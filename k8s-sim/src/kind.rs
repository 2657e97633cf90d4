//! The kinds of object that the simulated API serves, and their names in paths, bodies and errors.

use k8s_openapi::Metadata;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Namespace, Node, Pod};
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
}

impl Kind {
    pub const ALL: [Kind; 6] = [
        Kind::Namespace,
        Kind::Node,
        Kind::Pod,
        Kind::Event,
        Kind::Deployment,
        Kind::ReplicaSet,
    ];

    pub fn find(group: &str, plural: &str) -> Option<Kind> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.group() == group && kind.plural() == plural)
    }

    pub fn name(self) -> &'static str {
        match self {
            Kind::Namespace => "Namespace",
            Kind::Node => "Node",
            Kind::Pod => "Pod",
            Kind::Event => "Event",
            Kind::Deployment => "Deployment",
            Kind::ReplicaSet => "ReplicaSet",
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
        }
    }

    pub fn group(self) -> &'static str {
        match self {
            Kind::Deployment | Kind::ReplicaSet => "apps",
            _ => "",
        }
    }

    pub fn api_version(self) -> &'static str {
        match self.group() {
            "" => "v1",
            _ => "apps/v1",
        }
    }

    pub fn is_namespaced(self) -> bool {
        !matches!(self, Kind::Namespace | Kind::Node)
    }

    pub fn has_generation(self) -> bool {
        matches!(self, Kind::Deployment | Kind::ReplicaSet | Kind::Pod)
    }

    pub fn has_status(self) -> bool {
        self != Kind::Event
    }

    pub fn is_scalable(self) -> bool {
        matches!(self, Kind::Deployment | Kind::ReplicaSet)
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
