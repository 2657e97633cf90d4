//! The chart and the overlays, object by object, and what must hold for every pod.

use serde_json::{Value, json};

use crate::rendered::{Objects, example, kustomized, templated};

/// Helm's own marks, its test, and the namespace's object, which Helm cannot keep for its own release.
fn without_marks(mut objects: Objects) -> Objects {
    objects.remove("Namespace/multi-cluster-aggregator");
    let is_test = |object: &Value| object["metadata"]["annotations"]["helm.sh/hook"] == "test";
    objects.retain(|_, object| !is_test(object));
    for object in objects.values_mut() {
        let labels = object["metadata"]["labels"].as_object_mut().unwrap();
        labels.remove("app.kubernetes.io/managed-by");
        labels.remove("app.kubernetes.io/version");
        // kustomize puts the patched ones first.
        if let Some(Value::Array(volumes)) = object.pointer_mut("/spec/template/spec/volumes") {
            volumes.sort_by_key(|volume| volume["name"].to_string());
        }
        if let Some(metadata) = object.pointer_mut("/spec/template/metadata") {
            let metadata = metadata.as_object_mut().unwrap();
            if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
                annotations.remove("checksum/settings");
            }
            metadata.retain(|_, value| value != &json!({}));
        }
    }
    objects
}

#[test]
fn the_chart_makes_the_objects_of_each_overlay_and_no_others() {
    for (overlay, values, count) in [
        ("agent", "agent.enabled=true", 10),
        ("agent-allowed-verbs", "agent.verbsPolicy=true", 12),
        ("hub", "agent.enabled=false,hub.enabled=true", 11),
        (
            "hub-three-servers",
            "agent.enabled=false,hub.enabled=true,nats.servers=3",
            11,
        ),
    ] {
        let (Some(left), Some(right)) = (kustomized(overlay), templated(values)) else {
            return;
        };
        let (left, right) = (without_marks(left), without_marks(right));
        assert_eq!(left.len(), count, "{overlay}: {:?}", left.keys());
        assert_eq!(
            left.keys().collect::<Vec<_>>(),
            right.keys().collect::<Vec<_>>()
        );
        for (name, object) in &left {
            assert_eq!(object, &right[name], "{overlay}: {name}");
        }
    }
}

#[test]
fn an_example_is_the_same_for_kustomize_and_for_the_chart() {
    for (name, count) in [("agent", 12), ("hub", 13)] {
        let Some((left, right)) = example(name) else {
            return;
        };
        let (left, right) = (without_marks(left), without_marks(right));
        assert_eq!(left.len(), count, "{name}: {:?}", left.keys());
        assert_eq!(
            left.keys().collect::<Vec<_>>(),
            right.keys().collect::<Vec<_>>()
        );
        for (object, as_kustomized) in &left {
            assert_eq!(as_kustomized, &right[object], "{name}: {object}");
        }
    }
}

#[test]
fn values_change_what_they_say() {
    let values = "agent.image=r.example/a:2,agent.replicas=3,agent.resources.limits.memory=1Gi,\
                  agent.settings.MCA_CLUSTER_NAME=b,imagePullSecrets[0]=pull,agent.verbs={pause,resume}";
    let Some(objects) = templated(values) else {
        return;
    };
    let deployment = &objects["Deployment/agent"];
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(deployment["spec"]["replicas"], 3);
    assert_eq!(pod["containers"][0]["image"], "r.example/a:2");
    let limits = &pod["containers"][0]["resources"]["limits"];
    assert_eq!(limits, &json!({ "cpu": "1", "memory": "1Gi" }));
    assert_eq!(pod["imagePullSecrets"], json!([{ "name": "pull" }]));
    let role = &objects["ClusterRole/multi-cluster-aggregator-agent"];
    let rules = role["rules"].as_array().unwrap();
    assert_eq!(
        rules.last().unwrap()["verbs"],
        json!(["act", "pause", "resume"])
    );
    let settings = &objects["ConfigMap/agent-settings"]["data"];
    assert_eq!(
        settings,
        &json!({ "MCA_CLUSTER_NAME": "b", "MCA_VERBS": "pause,resume" })
    );
}

fn all_containers(pod: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["initContainers", "containers"].map(|list| pod[list].as_array());
    lists.into_iter().flatten().flatten()
}

/// The files of Secrets that a container can read.
fn secret_files<'a>(pod: &'a Value, container: &Value) -> Vec<&'a str> {
    let mounts = container["volumeMounts"].as_array().unwrap();
    let volumes = pod["volumes"].as_array().unwrap().iter();
    let volumes = volumes.filter(|volume| {
        let is_mounted = mounts.iter().any(|mount| mount["name"] == volume["name"]);
        is_mounted && volume["secret"]["secretName"] == "aggregator-bus-keys"
    });
    let items = volumes.flat_map(|volume| volume["secret"]["items"].as_array().unwrap());
    items.map(|item| item["path"].as_str().unwrap()).collect()
}

#[test]
fn what_serves_http_has_no_signing_key() {
    let values = "agent.enabled=false,hub.enabled=true,aggregator.image=r.example/a:2";
    let Some(hub) = templated(values) else {
        return;
    };
    let pod = &hub["Deployment/aggregator"]["spec"]["template"]["spec"];
    let [signer, web] = all_containers(pod).collect::<Vec<_>>()[..] else {
        panic!("two containers");
    };
    for container in [signer, web] {
        assert_eq!(container["image"], "r.example/a:2");
        let first = &container["envFrom"][0]["configMapRef"]["name"];
        assert_eq!(first, "aggregator-defaults");
    }
    let socket = &hub["ConfigMap/aggregator-defaults"]["data"]["MCA_SIGNER"];
    assert_eq!(socket, "/run/signer/signer.sock");
    assert_eq!(signer["restartPolicy"], "Always");
    let signs = ["identity.json", "operator-signing.nk", "agent-scope.nk"];
    assert_eq!(secret_files(pod, signer), signs);
    let connects = ["identity.json", "aggregator.creds", "system.creds"];
    assert_eq!(secret_files(pod, web), connects);
}

#[test]
fn every_pod_has_bounds_and_no_more_rights_than_it_needs() {
    let (Some(hub), Some(agent)) = (kustomized("hub"), kustomized("agent-allowed-verbs")) else {
        return;
    };
    let all: Vec<(&String, &Value)> = hub.iter().chain(&agent).collect();
    let mut seen = Vec::new();
    for (name, object) in all {
        let Some(pod) = object.pointer("/spec/template/spec") else {
            continue;
        };
        seen.push(name.as_str());
        // The agent alone speaks to the API server.
        assert_eq!(
            pod["automountServiceAccountToken"],
            name == "Deployment/agent",
            "{name}"
        );
        assert_eq!(
            pod["securityContext"]["seccompProfile"]["type"],
            "RuntimeDefault"
        );
        for container in all_containers(pod) {
            let context = &container["securityContext"];
            assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
            assert_eq!(
                context["capabilities"],
                json!({ "drop": ["ALL"] }),
                "{name}"
            );
            for bound in ["requests", "limits"] {
                for what in ["cpu", "memory"] {
                    assert!(
                        container["resources"][bound][what].is_string(),
                        "{name}: {bound}.{what}"
                    );
                }
            }
            let listens = container["ports"].is_array();
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                assert_eq!(container[probe].is_object(), listens, "{name}: {probe}");
            }
        }
    }
    assert_eq!(
        seen,
        [
            "Deployment/aggregator",
            "StatefulSet/nats",
            "Deployment/agent"
        ]
    );
    let own = json!([{
        "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["agent-nats-token"], "verbs": ["patch"],
    }]);
    assert_eq!(agent["Role/agent-nats-token"]["rules"], own);
    let role = &agent["ClusterRole/multi-cluster-aggregator-agent"];
    let text = role["rules"].to_string();
    for never in [
        "secrets",
        "configmaps",
        "*",
        "create",
        "delete",
        "update",
        "exec",
        "impersonate",
    ] {
        assert!(!text.contains(&format!("\"{never}\"")), "{never}: {text}");
    }
}
