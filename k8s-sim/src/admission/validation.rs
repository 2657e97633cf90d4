//! The validation rules that return 422, for the fields that this project's clients write.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Container, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::json;

use crate::kind::{Kind, Resource};
use crate::selector::Labels;
use crate::status::Cause;

const NOT_NEGATIVE: &str = "must be greater than or equal to 0";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

pub fn metadata<T: Resource>(object: &T) -> Vec<Cause> {
    let name = object.metadata().name.as_deref().unwrap_or_default();
    let (is_valid, rule) = match T::TYPE {
        Kind::Namespace => (is_label(name), LABEL),
        _ => (is_subdomain(name), SUBDOMAIN),
    };
    if is_valid {
        Vec::new()
    } else {
        vec![Cause::invalid("metadata.name", &name.into(), rule)]
    }
}

pub fn deployment(deployment: &Deployment, old: Option<&Deployment>) -> Vec<Cause> {
    let Some(spec) = &deployment.spec else {
        return vec![Cause::required("spec.selector", "")];
    };
    let deadline = spec.progress_deadline_seconds;
    let settle = spec.min_ready_seconds;
    let mut causes = Vec::new();
    causes.extend(not_negative("spec.replicas", spec.replicas));
    causes.extend(not_negative("spec.minReadySeconds", settle));
    let history = spec.revision_history_limit;
    causes.extend(not_negative("spec.revisionHistoryLimit", history));
    if deadline.is_some_and(|deadline| deadline <= settle.unwrap_or(0)) {
        let field = "spec.progressDeadlineSeconds";
        let rule = "must be greater than minReadySeconds";
        causes.push(Cause::invalid(field, &json!(deadline), rule));
    }
    let meta = spec.template.metadata.as_ref();
    let labels = meta.and_then(|meta| meta.labels.as_ref());
    causes.extend(selector(&spec.selector, labels));
    if let Some(pod) = &spec.template.spec {
        causes.extend(pod_spec("spec.template.spec", pod));
    }
    let before = old.and_then(|old| old.spec.as_ref());
    if before.is_some_and(|before| before.selector != spec.selector) {
        let value = json!(spec.selector);
        causes.push(Cause::invalid(
            "spec.selector",
            &value,
            "field is immutable",
        ));
    }
    causes
}

pub fn replica_set(set: &ReplicaSet) -> Vec<Cause> {
    let Some(spec) = &set.spec else {
        return vec![Cause::required("spec.selector", "")];
    };
    let template = spec.template.as_ref();
    let labels = template.and_then(|t| t.metadata.as_ref()?.labels.as_ref());
    let mut causes = Vec::new();
    causes.extend(not_negative("spec.replicas", spec.replicas));
    causes.extend(selector(&spec.selector, labels));
    if let Some(pod) = template.and_then(|template| template.spec.as_ref()) {
        causes.extend(pod_spec("spec.template.spec", pod));
    }
    causes
}

pub fn pod_spec(path: &str, spec: &PodSpec) -> Vec<Cause> {
    if spec.containers.is_empty() {
        return vec![Cause::required(format!("{path}.containers"), "")];
    }
    let mut causes = Vec::new();
    for (index, container) in spec.containers.iter().enumerate() {
        let path = format!("{path}.containers[{index}]");
        let earlier = &spec.containers[..index];
        causes.extend(container_name(&path, container, earlier));
        if container.image.as_deref().unwrap_or_default().is_empty() {
            causes.push(Cause::required(format!("{path}.image"), ""));
        }
    }
    causes
}

fn container_name(path: &str, container: &Container, earlier: &[Container]) -> Option<Cause> {
    let name = &container.name;
    let path = format!("{path}.name");
    if name.is_empty() {
        Some(Cause::required(path, ""))
    } else if !is_label(name) {
        Some(Cause::invalid(path, &json!(name), LABEL))
    } else if earlier.iter().any(|other| other.name == *name) {
        Some(Cause::duplicate(path, &json!(name)))
    } else {
        None
    }
}

pub fn selector(
    selector: &LabelSelector,
    labels: Option<&BTreeMap<String, String>>,
) -> Option<Cause> {
    let wanted = Labels::from_object(selector);
    if wanted.is_empty() {
        return Some(Cause::required("spec.selector", ""));
    }
    let accepted = wanted.accepts(|key| labels?.get(key).map(String::as_str));
    let field = "spec.template.metadata.labels";
    let rule = "`selector` does not match template `labels`";
    (!accepted).then(|| Cause::invalid(field, &json!(labels), rule))
}

pub fn not_negative(field: &str, value: Option<i32>) -> Option<Cause> {
    let negative = value.filter(|value| *value < 0)?;
    Some(Cause::invalid(field, &negative.into(), NOT_NEGATIVE))
}

fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label_of_any_length)
}

fn is_label(name: &str) -> bool {
    name.len() <= 63 && is_label_of_any_length(name)
}

fn is_label_of_any_length(name: &str) -> bool {
    let is_inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let is_edge = |c: Option<u8>| c.is_some_and(|c| c != b'-');
    name.bytes().all(is_inner) && is_edge(name.bytes().next()) && is_edge(name.bytes().next_back())
}
