//! The Kubernetes API as this program sees it: slim types, bounded calls, our own error types. Knows nothing of the bus.

mod access;
mod call;
mod connection;
mod fault;
mod object;
mod owned;
mod pod;
mod revisions;
mod workload;

use bus_schema::{Namespace, WorkloadKind};
use k8s_openapi::api as k8s;
use kube::api::ApiResource;
use kube::core::{NotUsed, Object};
use kube::{Api, Client, Resource};

pub use access::Access;
pub use call::{CallError, ask};
pub use fault::condition_of;
pub use object::{controller_of, created_at, is_controlled_by, name_of};
pub use owned::{
    Belongings, Owner, Revision, belongings, history, newest_pods, read_workload, with_belongings,
};
pub use pod::{
    Container, ContainerState, ContainerStatus, Pod, PodCondition, PodStatus, Probe, Terminated,
};
pub use revisions::{History, WholeReplicaSet, WholeRevision, with_history};
pub use workload::{
    RESTARTED_AT, ReceivedWorkload, TemplateContainer, WorkloadObject, WorkloadStatus, revision_of,
    revisions_of,
};

/// The field manager that the API server records for our writes.
pub const FIELD_MANAGER: &str = "multi-cluster-aggregator";

/// The namespace whose uid is a cluster's identity.
pub const IDENTITY_NAMESPACE: &str = "kube-system";

/// Only the metadata of a ReplicaSet is used.
pub type ReplicaSet = Object<NotUsed, NotUsed>;

/// A namespace with nothing but its metadata and phase.
pub type NamespaceObject = Object<NotUsed, NamespaceStatus>;

/// The status of a namespace.
#[derive(Debug, Clone, Default, serde::Deserialize)]
pub struct NamespaceStatus {
    /// `Active` or `Terminating`.
    #[serde(default)]
    pub phase: String,
}

/// The API server of one cluster.
#[derive(Clone)]
pub struct Kubernetes {
    client: Client,
}

impl Kubernetes {
    /// The API server behind a client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The client itself, for objects without a slim type.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// All namespaces.
    pub fn namespaces(&self) -> Api<NamespaceObject> {
        Api::all_with(self.client.clone(), &erased::<k8s::core::v1::Namespace>())
    }

    /// The workloads of one kind in all namespaces.
    pub fn all_workloads(&self, kind: WorkloadKind) -> Api<ReceivedWorkload> {
        Api::all_with(self.client.clone(), &resource_of(kind))
    }

    /// The workloads of one kind in one namespace, with the fields that the type has.
    pub fn workloads<K>(&self, kind: WorkloadKind, namespace: &Namespace) -> Api<K>
    where
        K: Resource<DynamicType = ApiResource, Scope = kube::core::DynamicResourceScope>,
    {
        Api::namespaced_with(self.client.clone(), namespace.as_str(), &resource_of(kind))
    }

    /// The ControllerRevisions of one namespace.
    pub fn controller_revisions(
        &self,
        namespace: &Namespace,
    ) -> Api<k8s::apps::v1::ControllerRevision> {
        Api::namespaced(self.client.clone(), namespace.as_str())
    }

    /// The ReplicaSets of one namespace.
    pub fn replica_sets(&self, namespace: &Namespace) -> Api<ReplicaSet> {
        self.namespaced::<_, k8s::apps::v1::ReplicaSet>(namespace)
    }

    /// The ReplicaSets of one namespace with their templates.
    pub fn whole_replica_sets(&self, namespace: &Namespace) -> Api<WholeReplicaSet> {
        self.namespaced::<_, k8s::apps::v1::ReplicaSet>(namespace)
    }

    /// The pods of one namespace.
    pub fn pods(&self, namespace: &Namespace) -> Api<Pod> {
        self.namespaced::<_, k8s::core::v1::Pod>(namespace)
    }

    /// The pods of one namespace as kube's own type, which its log API requires.
    pub fn pod_logs(&self, namespace: &Namespace) -> Api<k8s::core::v1::Pod> {
        Api::namespaced(self.client.clone(), namespace.as_str())
    }

    /// The events of one namespace.
    pub fn events(&self, namespace: &Namespace) -> Api<k8s::core::v1::Event> {
        Api::namespaced(self.client.clone(), namespace.as_str())
    }

    fn namespaced<K, Of>(&self, namespace: &Namespace) -> Api<K>
    where
        K: Resource<DynamicType = ApiResource, Scope = kube::core::DynamicResourceScope>,
        Of: Resource<DynamicType = ()>,
    {
        Api::namespaced_with(self.client.clone(), namespace.as_str(), &erased::<Of>())
    }
}

fn erased<Of: Resource<DynamicType = ()>>() -> ApiResource {
    ApiResource::erase::<Of>(&())
}

fn resource_of(kind: WorkloadKind) -> ApiResource {
    match kind {
        WorkloadKind::Deployment => erased::<k8s::apps::v1::Deployment>(),
        WorkloadKind::StatefulSet => erased::<k8s::apps::v1::StatefulSet>(),
        WorkloadKind::DaemonSet => erased::<k8s::apps::v1::DaemonSet>(),
    }
}
