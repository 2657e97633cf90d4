//! The objects that contracts use, and helpers to check the responses.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::core::Status;
use serde_json::{Value, json};

pub fn deployment(name: &str, replicas: i32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": name, "labels": { "app": name } },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "app", "image": "registry.example.com/web:1.0" }] },
            },
        },
    })
}

pub fn stateful_set(name: &str, replicas: i32) -> Value {
    let mut set = deployment(name, replicas);
    set["kind"] = "StatefulSet".into();
    set["spec"]["serviceName"] = name.into();
    set
}

pub fn daemon_set(name: &str) -> Value {
    let mut set = deployment(name, 0);
    set["kind"] = "DaemonSet".into();
    let spec = set["spec"].as_object_mut().expect("it has a spec");
    spec.remove("replicas");
    set
}

/// The rules of `kubectl rollout status` for StatefulSets without a partition.
pub fn is_stateful_set_rolled_out(set: &Value) -> bool {
    let (replicas, status) = (&set["spec"]["replicas"], &set["status"]);
    status["observedGeneration"] == set["metadata"]["generation"]
        && status["readyReplicas"] == *replicas
        && status["currentRevision"] == status["updateRevision"]
}

/// The rules of `kubectl rollout status` for DaemonSets.
pub fn is_daemon_set_rolled_out(set: &Value) -> bool {
    let status = &set["status"];
    let desired = &status["desiredNumberScheduled"];
    status["observedGeneration"] == set["metadata"]["generation"]
        && desired.as_i64() > Some(0)
        && status["updatedNumberScheduled"] == *desired
        && status["numberAvailable"] == *desired
}

/// What kubectl writes on `rollout restart`.
pub fn restart(at: &str) -> Value {
    let annotations = json!({ "kubectl.kubernetes.io/restartedAt": at });
    json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } })
}

pub fn image(image: &str) -> Value {
    let containers = json!([{ "name": "app", "image": image }]);
    json!({ "spec": { "template": { "spec": { "containers": containers } } } })
}

/// The rules of `kubectl rollout status`.
pub fn is_rolled_out(deployment: &Deployment) -> bool {
    let status = deployment.status.clone().unwrap_or_default();
    let replicas = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1);
    let all = (replicas != 0).then_some(replicas);
    status.observed_generation >= deployment.metadata.generation
        && status.updated_replicas == all
        && status.replicas == all
        && status.available_replicas == all
}

pub fn revision(set: &ReplicaSet) -> i64 {
    let annotations = set.metadata.annotations.as_ref();
    let revision = annotations.and_then(|a| a.get("deployment.kubernetes.io/revision"));
    revision.and_then(|text| text.parse().ok()).unwrap_or(0)
}

pub fn condition_of(deployment: &Deployment, type_: &str) -> (String, String) {
    let conditions = deployment
        .status
        .iter()
        .flat_map(|s| s.conditions.iter().flatten());
    let found = conditions.into_iter().find(|c| c.type_ == type_);
    found.map_or_else(Default::default, |c| {
        (c.status.clone(), c.reason.clone().unwrap_or_default())
    })
}

/// The server's error status, or a panic if the call succeeded.
pub fn refusal<T: std::fmt::Debug>(result: kube::Result<T>) -> Status {
    match result {
        Err(kube::Error::Api(status)) => *status,
        other => panic!("expected a refusal, got {other:?}"),
    }
}
