//! The agent that may only restart, under other names: whatever kustomize and Helm rename, its ServiceAccount restarts and does nothing else.

use std::time::Duration;

use tempfile::NamedTempFile;
use xtask::control_plane::ControlPlane;
use xtask::{condition, required};

use crate::rendered::{kustomized_with, objects, templated_for};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn the_policy_of_allowed_verbs_holds_under_every_name_that_a_build_gives() {
    let plane = ControlPlane::start().await.unwrap();
    let Some(plane) = required::or_skip(plane, "control plane") else {
        return;
    };
    let create = ["create", "deployment", "web", "--image=nginx:1"];
    plane.kubectl(create).await.unwrap();
    for built in [
        kustomized(""),
        kustomized("namespace: elsewhere"),
        kustomized("namePrefix: prod-\nnameSuffix: \"-2\""),
        kustomized("namespace: elsewhere\nnamePrefix: prod-"),
        kustomized("labels: [{pairs: {team: a}, includeTemplates: true}]\nnamespace: fleet-agents"),
        templated_for("it", "released", "agent.verbsPolicy=true"),
        templated_for(
            "another",
            "released-again",
            "agent.verbsPolicy=true,openshift=true,commonLabels.team=a,agent.verbs={restart}",
        ),
    ] {
        let Some(built) = built else { return };
        holds(&plane, &built).await;
    }
}

fn kustomized(lines: &str) -> Option<String> {
    kustomized_with("agent-allowed-verbs", lines)
}

/// Applies what was built, tries it as its agent, and removes it.
async fn holds(plane: &ControlPlane, built: &str) {
    let objects = objects(built);
    let of_kind = |kind: &str| {
        let mut found = objects.iter().filter(|(key, _)| key.starts_with(kind));
        found.next().unwrap().1["metadata"].clone()
    };
    let account = of_kind("ServiceAccount/");
    let namespace = account["namespace"].as_str().unwrap();
    let account = account["name"].as_str().unwrap();
    let policy = of_kind("ValidatingAdmissionPolicy/");
    let policy = policy["name"].as_str().unwrap();
    // Helm does not make the namespace of its release.
    if !objects.keys().any(|key| key.starts_with("Namespace/")) {
        let create = ["create", "namespace", namespace];
        plane.kubectl(create).await.unwrap();
    }
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), built).unwrap();
    let file = file.path().to_str().unwrap();
    plane.kubectl(["apply", "--filename", file]).await.unwrap();

    let token = plane.token(namespace, account).await.unwrap();
    let agent = plane.kubeconfig_for_token("agent", &token).unwrap();
    let as_agent = ["--kubeconfig", agent.to_str().unwrap()];
    let as_agent = async |arguments: &[&str]| {
        let all = as_agent.iter().chain(arguments);
        plane.kubectl(all).await
    };
    let mut attempts = 0;
    // The API server heeds a policy a moment after it has been applied.
    let in_force = format!("{policy} in force");
    let refused = condition::met(&in_force, PATIENCE, async || {
        attempts += 1;
        // Each another one: what changes nothing is let through.
        let image = format!("nginx=evil:{attempts}");
        let set = as_agent(&["set", "image", "deployment/web", &image]).await;
        Ok(set.err().map(|error| format!("{error:#}")))
    });
    let refused = refused.await.unwrap();
    assert!(refused.contains(policy), "{refused}");
    let restart = as_agent(&["rollout", "restart", "deployment/web"]).await;
    restart.unwrap();
    let administrators = ["set", "image", "deployment/web", "nginx=nginx:2"];
    plane.kubectl(administrators).await.unwrap();

    let delete = ["delete", "--wait", "--filename", file];
    plane.kubectl(delete).await.unwrap();
}
