//! A workload with only the fields in use: a cache of ten thousand must stay small.

use std::collections::BTreeMap;

use bus_schema::WorkloadKind;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use kube::core::Object;
use serde::Deserialize;

/// The annotation of the pod template that `kubectl rollout restart` sets.
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

const REVISION: &str = "deployment.kubernetes.io/revision";

/// The earlier revisions of a ReplicaSet: each undo to it gives it a new one.
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";

/// A workload of any kind as the API server sends it.
pub type ReceivedWorkload = Object<WorkloadSpec, WorkloadStatus>;

/// A workload. What its kind calls otherwise, a DaemonSet's counts and the strategy of both, is under the names that a Deployment has.
#[derive(Debug, Clone)]
pub struct WorkloadObject {
    pub kind: WorkloadKind,
    pub metadata: ObjectMeta,
    pub spec: WorkloadSpec,
    pub status: Option<WorkloadStatus>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WorkloadSpec {
    pub replicas: Option<i32>,
    pub paused: bool,
    pub strategy: Strategy,
    update_strategy: Option<Strategy>,
    pub selector: LabelSelector,
    pub template: PodTemplate,
}

/// How new pods replace old ones.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Strategy {
    #[serde(rename = "type")]
    pub kind: String,
    pub rolling_update: Option<RollingUpdate>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RollingUpdate {
    /// A StatefulSet's pods of a lower ordinal keep the older version.
    pub partition: Option<i32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PodTemplate {
    pub metadata: TemplateMetadata,
    pub spec: TemplateSpec,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TemplateMetadata {
    pub annotations: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TemplateSpec {
    pub init_containers: Vec<TemplateContainer>,
    pub containers: Vec<TemplateContainer>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TemplateContainer {
    pub name: String,
    pub image: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WorkloadStatus {
    pub observed_generation: i64,
    pub replicas: i32,
    pub updated_replicas: i32,
    pub ready_replicas: i32,
    pub available_replicas: i32,
    pub conditions: Vec<WorkloadCondition>,
    /// A StatefulSet's revision before the rollout.
    pub current_revision: String,
    /// A StatefulSet's newest revision.
    pub update_revision: String,
    desired_number_scheduled: i32,
    current_number_scheduled: i32,
    updated_number_scheduled: i32,
    number_ready: i32,
    number_available: i32,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct WorkloadCondition {
    #[serde(rename = "type")]
    pub kind: String,
    pub status: String,
    pub reason: String,
    pub message: String,
}

impl WorkloadStatus {
    /// The condition of this type.
    pub fn condition(&self, kind: &str) -> Option<&WorkloadCondition> {
        self.conditions.iter().find(|c| c.kind == kind)
    }
}

impl WorkloadObject {
    /// A workload of this kind.
    pub fn new(kind: WorkloadKind, received: ReceivedWorkload) -> Self {
        let Object {
            metadata,
            mut spec,
            mut status,
            ..
        } = received;
        if let Some(strategy) = spec.update_strategy.take() {
            spec.strategy = strategy;
        }
        if kind == WorkloadKind::DaemonSet {
            let counted = status.get_or_insert_default();
            spec.replicas = Some(counted.desired_number_scheduled);
            counted.replicas = counted.current_number_scheduled;
            counted.updated_replicas = counted.updated_number_scheduled;
            counted.ready_replicas = counted.number_ready;
            counted.available_replicas = counted.number_available;
        }
        Self {
            kind,
            metadata,
            spec,
            status,
        }
    }

    /// When it was last restarted. Anyone may write the annotation: a value that is not a time is ignored.
    pub fn restarted_at(&self) -> Option<Timestamp> {
        let annotations = self.spec.template.metadata.annotations.as_ref()?;
        annotations.get(RESTARTED_AT)?.parse().ok()
    }

    /// The revision of a Deployment's newest ReplicaSet; the other kinds do not say theirs.
    pub fn revision(&self) -> Option<u64> {
        revision_of(&self.metadata)
    }

    /// Whether pods run a new template only after someone deletes them.
    pub fn is_on_delete(&self) -> bool {
        self.spec.strategy.kind == "OnDelete"
    }
}

/// The revision of a deployment, or of one of its ReplicaSets.
pub fn revision_of(metadata: &ObjectMeta) -> Option<u64> {
    metadata.annotations.as_ref()?.get(REVISION)?.parse().ok()
}

/// All revisions that a ReplicaSet has had.
pub fn revisions_of(metadata: &ObjectMeta) -> impl Iterator<Item = u64> {
    let annotations = metadata.annotations.as_ref();
    let texts = [REVISION, REVISION_HISTORY].map(|key| annotations.and_then(|all| all.get(key)));
    let revisions = texts.into_iter().flatten().flat_map(|text| text.split(','));
    revisions.filter_map(|revision| revision.parse().ok())
}
