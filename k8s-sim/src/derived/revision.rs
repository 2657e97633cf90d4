//! Which ReplicaSet carries a deployment's current template, and the revisions of the others.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};

use super::rolling::max_surge;
use crate::identity::{digest, name_from};
use crate::kind::Resource;

pub const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAX: &str = "deployment.kubernetes.io/max-replicas";
pub const HASH: &str = "pod-template-hash";

/// Annotations that are not copied from a deployment to its ReplicaSets.
const OWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "deprecated.deployment.rollback.to",
    REVISION,
    HISTORY,
    DESIRED,
    MAX,
];

pub fn revision_of(set: &ReplicaSet) -> i64 {
    let annotation = set
        .metadata
        .annotations
        .as_ref()
        .and_then(|a| a.get(REVISION));
    annotation.and_then(|text| text.parse().ok()).unwrap_or(0)
}

pub fn has_template_of(set: &ReplicaSet, deployment: &Deployment) -> bool {
    let spec = set.spec.as_ref();
    let Some(mut template) = spec.and_then(|spec| spec.template.clone()) else {
        return false;
    };
    if let Some(labels) = template.metadata.as_mut().and_then(|m| m.labels.as_mut()) {
        labels.remove(HASH);
    }
    deployment
        .spec
        .as_ref()
        .is_some_and(|spec| spec.template == template)
}

/// A ReplicaSet without pods for the deployment's current template.
pub fn new_replica_set(deployment: &Deployment, revision: i64) -> ReplicaSet {
    let spec = deployment.spec.clone().unwrap_or_default();
    let hash = template_hash(&spec.template);
    let mut template = spec.template;
    let labels = template
        .metadata
        .get_or_insert_default()
        .labels
        .get_or_insert_default();
    labels.insert(HASH.to_owned(), hash.clone());
    let labels = labels.clone();
    let mut selector: LabelSelector = spec.selector;
    selector
        .match_labels
        .get_or_insert_default()
        .insert(HASH.to_owned(), hash.clone());
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    let mut set = ReplicaSet {
        metadata: ObjectMeta {
            name: Some(format!("{name}-{hash}")),
            namespace: deployment.metadata.namespace.clone(),
            labels: Some(labels),
            owner_references: Some(vec![controlled_by(deployment)]),
            ..ObjectMeta::default()
        },
        spec: Some(ReplicaSetSpec {
            min_ready_seconds: spec.min_ready_seconds,
            replicas: Some(0),
            selector,
            template: Some(template),
        }),
        status: Some(Default::default()),
    };
    annotate(&mut set, deployment, revision);
    set
}

/// Copies the deployment's annotations and raises the set's revision; the earlier revision is added to its history.
pub fn annotate(set: &mut ReplicaSet, deployment: &Deployment, revision: i64) {
    let before = revision_of(set);
    let annotations = set.metadata.annotations.get_or_insert_default();
    for (key, value) in deployment.metadata.annotations.iter().flatten() {
        if !OWN.contains(&key.as_str()) {
            annotations.insert(key.clone(), value.clone());
        }
    }
    if revision > before {
        annotations.insert(REVISION.to_owned(), revision.to_string());
        if before > 0 {
            let history = annotations.entry(HISTORY.to_owned()).or_default();
            if !history.is_empty() {
                history.push(',');
            }
            history.push_str(&before.to_string());
        }
    }
    annotate_size(annotations, deployment);
}

pub fn annotate_size(annotations: &mut BTreeMap<String, String>, deployment: &Deployment) {
    let replicas = deployment
        .spec
        .as_ref()
        .and_then(|s| s.replicas)
        .unwrap_or(1);
    let max = replicas + max_surge(deployment);
    annotations.insert(DESIRED.to_owned(), replicas.to_string());
    annotations.insert(MAX.to_owned(), max.to_string());
}

pub fn max_annotated(set: &ReplicaSet) -> Option<i32> {
    set.metadata.annotations.as_ref()?.get(MAX)?.parse().ok()
}

pub fn controlled_by<T: Resource>(owner: &T) -> OwnerReference {
    let meta = owner.metadata();
    OwnerReference {
        api_version: T::TYPE.api_version().to_owned(),
        kind: T::TYPE.name().to_owned(),
        name: meta.name.clone().unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

pub fn template_hash(template: &PodTemplateSpec) -> String {
    let json = serde_json::to_vec(template).expect("a pod template can be written as JSON");
    name_from(digest(&json), 10)
}
