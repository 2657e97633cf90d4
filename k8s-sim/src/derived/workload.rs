//! What the controllers of all workloads need to know of one: its pod template, and what is said of its pods.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{DaemonSet, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;

use crate::kind::Resource;

/// An object whose controller creates pods from its template.
pub trait Workload: Resource {
    /// The controller, as events name it.
    const CONTROLLER: &'static str;

    fn template(&self) -> Option<&PodTemplateSpec>;

    fn min_ready_seconds(&self) -> Option<i32>;

    /// How long a pod must be ready to count as available.
    fn min_ready(&self) -> Duration {
        Duration::from_secs(self.min_ready_seconds().unwrap_or(0).unsigned_abs().into())
    }

    fn says_created(&self, pod: &str) -> String {
        format!("Created pod: {pod}")
    }

    fn says_deleted(&self, pod: &str) -> String {
        format!("Deleted pod: {pod}")
    }
}

/// A workload whose templates are recorded in ControllerRevisions.
pub trait Versioned: Workload {
    /// The label of a ControllerRevision with the hash of its template.
    const HASH_OF_REVISION: &'static str;

    fn history_limit(&self) -> Option<i32>;
}

impl Workload for ReplicaSet {
    const CONTROLLER: &'static str = "replicaset-controller";

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.as_ref()?.template.as_ref()
    }

    fn min_ready_seconds(&self) -> Option<i32> {
        self.spec.as_ref()?.min_ready_seconds
    }
}

impl Workload for StatefulSet {
    const CONTROLLER: &'static str = "statefulset-controller";

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.as_ref().map(|spec| &spec.template)
    }

    fn min_ready_seconds(&self) -> Option<i32> {
        self.spec.as_ref()?.min_ready_seconds
    }

    fn says_created(&self, pod: &str) -> String {
        let name = self.metadata.name.as_deref().unwrap_or_default();
        format!("Create Pod {pod} in StatefulSet {name} successful")
    }

    fn says_deleted(&self, pod: &str) -> String {
        let name = self.metadata.name.as_deref().unwrap_or_default();
        format!("Delete Pod {pod} in StatefulSet {name} successful")
    }
}

impl Versioned for StatefulSet {
    const HASH_OF_REVISION: &'static str = "controller.kubernetes.io/hash";

    fn history_limit(&self) -> Option<i32> {
        self.spec.as_ref()?.revision_history_limit
    }
}

impl Workload for DaemonSet {
    const CONTROLLER: &'static str = "daemonset-controller";

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.as_ref().map(|spec| &spec.template)
    }

    fn min_ready_seconds(&self) -> Option<i32> {
        self.spec.as_ref()?.min_ready_seconds
    }
}

impl Versioned for DaemonSet {
    const HASH_OF_REVISION: &'static str = super::history::HASH;

    fn history_limit(&self) -> Option<i32> {
        self.spec.as_ref()?.revision_history_limit
    }
}
