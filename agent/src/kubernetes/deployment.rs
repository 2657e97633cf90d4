//! A deployment with only the fields in use: a cache of ten thousand must stay small.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use kube::core::Object;
use serde::Deserialize;

/// The annotation of the pod template that `kubectl rollout restart` sets.
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

const REVISION: &str = "deployment.kubernetes.io/revision";

/// The earlier revisions of a ReplicaSet: each undo to it gives it a new one.
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";

/// A deployment.
pub type Deployment = Object<DeploymentSpec, DeploymentStatus>;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct DeploymentSpec {
    pub replicas: Option<i32>,
    pub paused: bool,
    pub strategy: Strategy,
    pub selector: LabelSelector,
    pub template: PodTemplate,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Strategy {
    #[serde(rename = "type")]
    pub kind: String,
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
pub struct DeploymentStatus {
    pub observed_generation: i64,
    pub replicas: i32,
    pub updated_replicas: i32,
    pub ready_replicas: i32,
    pub available_replicas: i32,
    pub conditions: Vec<DeploymentCondition>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct DeploymentCondition {
    #[serde(rename = "type")]
    pub kind: String,
    pub status: String,
    pub reason: String,
    pub message: String,
}

impl DeploymentStatus {
    /// The condition of this type.
    pub fn condition(&self, kind: &str) -> Option<&DeploymentCondition> {
        self.conditions.iter().find(|c| c.kind == kind)
    }
}

/// Values derived from a deployment's annotations.
pub trait Revision {
    /// When it was last restarted. Anyone may write the annotation: a value that is not a time is ignored.
    fn restarted_at(&self) -> Option<Timestamp>;
    /// The revision of its newest ReplicaSet.
    fn revision(&self) -> Option<u64>;
}

impl Revision for Deployment {
    fn restarted_at(&self) -> Option<Timestamp> {
        let annotations = self.spec.template.metadata.annotations.as_ref()?;
        annotations.get(RESTARTED_AT)?.parse().ok()
    }

    fn revision(&self) -> Option<u64> {
        revision_of(&self.metadata)
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
