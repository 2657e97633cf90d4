//! A release on a real API server: installed by Helm, and `helm test`.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use xtask::control_plane::ControlPlane;
use xtask::{condition, go_tools, required, workspace};

use crate::rendered::NAMESPACE;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn helm_test_ends_as_its_pod_does() {
    let plane = ControlPlane::start().await.unwrap();
    let Some(plane) = required::or_skip(plane, "control plane") else {
        return;
    };
    let Some(helm) = required::or_skip(go_tools::find("helm").unwrap(), "helm") else {
        return;
    };
    let namespace = workspace::root().join("k8s/base/namespace/namespace.yaml");
    let create = ["create", "--filename", namespace.to_str().unwrap()];
    plane.kubectl(create).await.unwrap();
    let helm = |arguments: &[&str]| {
        let mut command = Command::new(&helm);
        command.args(arguments).args(["--namespace", NAMESPACE]);
        command.arg("--kubeconfig").arg(plane.admin_kubeconfig());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    };
    let chart = workspace::root().join("k8s/chart");
    let hub = ["--set", "hub.enabled=true,agent.enabled=false"];
    let install = ["install", "hub", chart.to_str().unwrap()];
    let installed = helm(&[&install[..], &hub].concat()).output().await.unwrap();
    assert!(installed.status.success(), "{installed:?}");

    for (phase, succeeds) in [("Failed", false), ("Succeeded", true)] {
        let test = helm(&["test", "hub", "--timeout", "60s"]).spawn().unwrap();
        ends_with(&plane, phase).await;
        let tested = test.wait_with_output().await.unwrap();
        assert_eq!(tested.status.success(), succeeds, "{phase}: {tested:?}");
        let policies = ["get", "networkpolicies", "--namespace", NAMESPACE];
        let policies = plane.kubectl(policies).await.unwrap();
        assert!(!policies.contains("aggregator-test"), "{policies}");
    }
}

/// As a kubelet would report it, of the pod that is new.
async fn ends_with(plane: &ControlPlane, phase: &str) {
    let status = format!(r#"{{"status":{{"phase":"{phase}"}}}}"#);
    let pending = "--field-selector=status.phase=Pending";
    let get = ["get", "pods", pending, "--output=name"];
    condition::met("the pod of the test", PATIENCE, async || {
        let pods = plane.kubectl(get.into_iter().chain(["--namespace", NAMESPACE]));
        Ok(pods.await?.contains("pod/aggregator-test").then_some(()))
    })
    .await
    .unwrap();
    let admitted = ["get", "networkpolicy", "aggregator-test"];
    let admitted = admitted.into_iter().chain(["--namespace", NAMESPACE]);
    plane.kubectl(admitted).await.unwrap();
    let patch = ["patch", "pod", "aggregator-test", "--subresource=status"];
    let what = ["--patch", &status, "--namespace", NAMESPACE];
    plane.kubectl(patch.into_iter().chain(what)).await.unwrap();
}
