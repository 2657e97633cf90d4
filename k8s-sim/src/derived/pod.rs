//! The pods of a workload.

use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::revision::controlled_by;
use super::workload::Workload;
use crate::admission::Admit as _;

/// A pod from a template of the workload, without a status.
pub fn pod_of<T: Workload>(owner: &T, template: &PodTemplateSpec, name: String) -> Pod {
    let template = template.clone();
    let meta = template.metadata.unwrap_or_default();
    let owner_meta = owner.metadata();
    let owner_name = owner_meta.name.as_deref().unwrap_or_default();
    let mut pod = Pod {
        metadata: ObjectMeta {
            name: Some(name),
            generate_name: Some(format!("{owner_name}-")),
            namespace: owner_meta.namespace.clone(),
            labels: meta.labels,
            annotations: meta.annotations,
            owner_references: Some(vec![controlled_by(owner)]),
            ..ObjectMeta::default()
        },
        spec: template.spec,
        status: None,
    };
    pod.fill_defaults();
    pod
}
