//! ControllerRevisions: the templates that a StatefulSet or DaemonSet has had, and which of them a pod has.

use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use serde_json::{Value, json};

use super::revision::{controlled_by, template_hash};
use super::workload::Versioned;

/// The label of a pod that names its template: a StatefulSet writes the name of the ControllerRevision, a DaemonSet its hash.
pub const HASH: &str = "controller-revision-hash";

/// The ControllerRevision of this template.
pub fn revision_of<T: Versioned>(
    owner: &T,
    template: &PodTemplateSpec,
    number: i64,
) -> ControllerRevision {
    let hash = template_hash(template);
    let meta = owner.metadata();
    let mut labels = template.metadata.clone().unwrap_or_default().labels;
    let hash_label = T::HASH_OF_REVISION.to_owned();
    labels
        .get_or_insert_default()
        .insert(hash_label, hash.clone());
    ControllerRevision {
        metadata: ObjectMeta {
            name: Some(format!(
                "{}-{hash}",
                meta.name.as_deref().unwrap_or_default()
            )),
            namespace: meta.namespace.clone(),
            labels,
            annotations: meta.annotations.clone(),
            owner_references: Some(vec![controlled_by(owner)]),
            ..ObjectMeta::default()
        },
        data: Some(RawExtension(data_of(template))),
        revision: number,
    }
}

/// The template as a patch that restores it.
fn data_of(template: &PodTemplateSpec) -> Value {
    let mut template = json!(template);
    template["$patch"] = "replace".into();
    json!({ "spec": { "template": template } })
}

pub fn has_template(revision: &ControllerRevision, template: &PodTemplateSpec) -> bool {
    revision.data.as_ref().map(|data| &data.0) == Some(&data_of(template))
}

pub fn template_of(revision: &ControllerRevision) -> Option<PodTemplateSpec> {
    let template = revision.data.as_ref()?.0.pointer("/spec/template")?;
    serde_json::from_value(template.clone()).ok()
}

pub fn name_of(revision: &ControllerRevision) -> &str {
    revision.metadata.name.as_deref().unwrap_or_default()
}

pub fn hash_of<T: Versioned>(revision: &ControllerRevision) -> &str {
    let labels = revision.metadata.labels.as_ref();
    let hash = labels.and_then(|labels| labels.get(T::HASH_OF_REVISION));
    hash.map_or("", String::as_str)
}

/// The value of [`HASH`] of a pod.
pub fn hash_of_pod(pod: &Pod) -> &str {
    let labels = pod.metadata.labels.as_ref();
    let hash = labels.and_then(|labels| labels.get(HASH));
    hash.map_or("", String::as_str)
}
