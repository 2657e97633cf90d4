//! Applied to a real API server, with each of its warnings an error: Pod Security's, and those about fields that it does not know.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use xtask::control_plane::ControlPlane;
use xtask::{condition, required};

use crate::policy;
use crate::rendered::{NAMESPACE, example, overlay, templated_text};

const PATIENCE: Duration = Duration::from_secs(60);
const STRICT: [&str; 3] = ["apply", "--validate=strict", "--warnings-as-errors"];

async fn apply(plane: &ControlPlane, arguments: &[&str]) -> anyhow::Result<String> {
    plane.kubectl(STRICT.iter().chain(arguments)).await
}

#[tokio::test]
async fn a_real_api_server_takes_every_object_and_lets_every_pod_be_made() {
    let plane = ControlPlane::start().await.unwrap();
    let Some(plane) = required::or_skip(plane, "control plane") else {
        return;
    };
    for name in ["agent", "hub"] {
        is_taken(&plane, name).await;
    }
    for name in ["agent-allowed-verbs", "hub"] {
        let overlay = overlay(name);
        let kustomize = ["--kustomize", overlay.to_str().unwrap()];
        apply(&plane, &kustomize).await.unwrap();
    }
    pods(
        &plane,
        &["agent", "agent", "aggregator", "aggregator", "nats"],
    )
    .await;
    policy::has_no_warnings_and_names_every_field(&plane, PATIENCE).await;
    a_pod_that_asks_for_more_is_refused(&plane).await;

    let three = overlay("hub-three-servers");
    let kustomize = ["--kustomize", three.to_str().unwrap()];
    apply(&plane, &kustomize).await.unwrap();
    let all = ["agent", "agent", "aggregator", "aggregator"];
    pods(&plane, &[&all[..], &["nats"; 3]].concat()).await;

    let Some(text) = templated_text("agent.verbsPolicy=true,hub.enabled=true") else {
        return;
    };
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let chart = ["--server-side", "--force-conflicts", "--dry-run=server"];
    let file = ["--filename", file.path().to_str().unwrap()];
    let taken = apply(&plane, &[&chart[..], &file].concat()).await.unwrap();
    assert_eq!(taken.lines().count(), 25, "{taken}");
}

/// An example, without what an API server has only with the Prometheus operator.
async fn is_taken(plane: &ControlPlane, example_name: &str) {
    let Some((kustomized, templated)) = example(example_name) else {
        return;
    };
    let namespace = overlay("../base/namespace/namespace.yaml");
    let namespace = ["--filename", namespace.to_str().unwrap()];
    apply(plane, &namespace).await.unwrap();
    for objects in [kustomized, templated] {
        let others = |object: &&Value| object["kind"] != "ServiceMonitor";
        let items: Vec<_> = objects.values().filter(others).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), list.to_string()).unwrap();
        let path = file.path().to_str().unwrap();
        let arguments = ["--dry-run=server", "--filename", path];
        let taken = apply(plane, &arguments).await.unwrap();
        assert_eq!(taken.lines().count(), items.len(), "{taken}");
    }
}

/// Waits until there is one pod for each of these containers.
async fn pods(plane: &ControlPlane, containers: &[&str]) {
    let namespace = format!("--namespace={NAMESPACE}");
    let get = ["get", "pods", &namespace, "--output=json"];
    condition::met("all pods", PATIENCE, async || {
        let pods: Value = serde_json::from_str(&plane.kubectl(get).await?)?;
        let pods = pods["items"].as_array().into_iter().flatten();
        let mut names: Vec<_> = pods
            .filter_map(|pod| pod.pointer("/spec/containers/0/name")?.as_str())
            .collect();
        names.sort_unstable();
        Ok((names == containers).then_some(()))
    })
    .await
    .unwrap();
}

/// So that the absence of warnings above means something.
async fn a_pod_that_asks_for_more_is_refused(plane: &ControlPlane) {
    let namespace = format!("--namespace={NAMESPACE}");
    let run = ["run", "root", "--image=root:1", &namespace];
    let refused = plane.kubectl(run).await.unwrap_err().to_string();
    assert!(refused.contains("violates PodSecurity"), "{refused}");
    let create = ["create", "deployment", "root", "--image=root:1", &namespace];
    let warned = plane.kubectl([&create[..], &["--warnings-as-errors"]].concat());
    let warned = warned.await.unwrap_err().to_string();
    assert!(warned.contains("would violate PodSecurity"), "{warned}");
}
