//! The policy that leaves the agent its allowed verbs alone: which patches of which kinds it lets through.

use bus_schema::verb::Restart;
use bus_schema::{AllowedVerbs, FaultCode, VERBS, WorkloadKind};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use xtask::control_plane::ControlPlane;
use xtask::{condition, workspace};

use crate::deployment::Target;
use crate::on_both::client;
use crate::stage::{PATIENCE, Stage};
use crate::undo::Workload;

/// The workloads of this kind in the namespace of the test.
pub fn workloads(client: kube::Client, kind: WorkloadKind) -> Api<DynamicObject> {
    let resource = ApiResource {
        group: "apps".to_owned(),
        version: "v1".to_owned(),
        api_version: "apps/v1".to_owned(),
        kind: kind.as_str().to_owned(),
        plural: kind.plural().to_owned(),
    };
    Api::namespaced_with(client, "rights", &resource)
}

/// A StatefulSet and a DaemonSet with the pod template of the deployment.
pub async fn make_the_other_kinds(stage: &Stage) {
    let deployment = workloads(stage.admin.clone(), WorkloadKind::Deployment);
    let deployment = deployment.get("my.app").await.unwrap();
    let spec = &deployment.data["spec"];
    for kind in [WorkloadKind::StatefulSet, WorkloadKind::DaemonSet] {
        let object = json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": { "name": "my-app" },
            "spec": { "selector": spec["selector"], "template": spec["template"] },
        });
        let object = serde_json::from_value(object).unwrap();
        let api = workloads(stage.admin.clone(), kind);
        api.create(&PostParams::default(), &object).await.unwrap();
    }
}

/// Applies the policy, which takes effect shortly afterwards.
pub async fn allowed_verbs(plane: &ControlPlane, deployment: &Api<DynamicObject>) {
    let policy = workspace::root().join("k8s/base/allowed-verbs");
    let apply = ["apply", "--kustomize", policy.to_str().expect("a path")];
    plane.kubectl(apply).await.expect("applied");
    let mut replicas = 3;
    condition::met("a policy in force", PATIENCE, async || {
        // Each is a real change: the policy allows patches that change nothing.
        replicas = 7 - replicas;
        let scale = json!({ "spec": { "replicas": replicas } });
        Ok(patch(deployment, &scale).await.err().filter(is_by_policy))
    })
    .await
    .expect("in force");
}

pub async fn patch(api: &Api<DynamicObject>, change: &Value) -> kube::Result<DynamicObject> {
    // Of these kinds, Kubernetes allows dots in the names of deployments alone.
    let is_deployment = api.resource_url().ends_with("/deployments");
    let name = if is_deployment { "my.app" } else { "my-app" };
    let params = PatchParams::default();
    api.patch(name, &params, &Patch::Strategic(change)).await
}

pub fn is_by_policy(error: &kube::Error) -> bool {
    error
        .to_string()
        .contains("multi-cluster-aggregator-agent-allowed-verbs")
}

/// Strategic merge patches that are not restarts.
pub fn changes() -> Vec<Value> {
    let template = |change: Value| json!({ "spec": { "template": change } });
    let annotation = |name: &str, value: Value| {
        template(json!({ "metadata": { "annotations": { name: value } } }))
    };
    let restarted_at = "kubectl.kubernetes.io/restartedAt";
    vec![
        json!({ "spec": { "replicas": 5 } }),
        json!({ "spec": { "paused": true } }),
        json!({ "spec": { "minReadySeconds": 1 } }),
        json!({ "spec": { "progressDeadlineSeconds": 100 } }),
        json!({ "spec": { "revisionHistoryLimit": 1 } }),
        json!({ "spec": { "strategy": { "type": "Recreate", "rollingUpdate": null } } }),
        json!({ "metadata": { "labels": { "x": "y" } } }),
        json!({ "metadata": { "annotations": { "x": "y" } } }),
        json!({ "metadata": { "annotations": { "multi-cluster-aggregator/operation": "$(reboot)" } } }),
        json!({ "metadata": { "annotations": { "multi-cluster-aggregator/other": "op-1" } } }),
        json!({ "metadata": { "annotations": { "kubernetes.io/change-cause": "x" } } }),
        json!({ "metadata": { "annotations": { "kubernetes.io/change-cause": "restart: two\nlines" } } }),
        json!({ "metadata": { "annotations": { "kubernetes.io/change-cause": "image: not allowed" } } }),
        json!({ "metadata": { "annotations": { restarted_at: "2026-03-01T10:00:00Z" } } }),
        json!({ "metadata": { "finalizers": ["example.com/x"] } }),
        json!({ "metadata": { "ownerReferences": [
            { "apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "00000000-0000-4000-8000-000000000000" },
        ] } }),
        container(json!({ "name": "web", "image": "evil:1" })),
        container(json!({ "name": "web", "command": ["sh"] })),
        container(json!({ "name": "web", "env": [{ "name": "X", "value": "y" }] })),
        container(json!({ "name": "third", "image": "evil:1" })),
        template(json!({ "spec": { "serviceAccountName": "other" } })),
        template(json!({ "spec": { "hostNetwork": true } })),
        template(json!({ "metadata": { "labels": { "x": "y" } } })),
        annotation("x", json!("y")),
        annotation(restarted_at, json!("$(reboot)")),
        // A restart that also changes something else.
        json!({ "spec": { "replicas": 5, "template": { "metadata": { "annotations": { restarted_at: "2026-03-01T10:00:00Z" } } } } }),
        template(
            json!({ "metadata": { "annotations": { restarted_at: "2026-03-01T10:00:00Z", "x": "y" } } }),
        ),
    ]
}

pub async fn restarts_go_on(stage: &Stage, target: &Target) {
    for number in [2, 3] {
        stage.ask(&target.restart(number)).await.unwrap();
        stage.ask(&target.restart(number)).await.unwrap();
    }
    let late = stage.ask(&target.restart(1)).await;
    assert_eq!(late.unwrap_err().code, FaultCode::Superseded);
    let mut unknown = target.restart(5);
    unknown.guard.fence = true;
    let outcome = stage.ask(&unknown).await.unwrap_err();
    assert_eq!(outcome.code, FaultCode::Expired, "{outcome}");
    // Removing the restart annotation is not a restart.
    let agent = client(&stage.kubeconfig).await;
    let deployment = workloads(agent, WorkloadKind::Deployment);
    let removed = json!({ "spec": { "template": { "metadata": { "annotations": {
        "kubectl.kubernetes.io/restartedAt": null,
    } } } } });
    let forgotten = json!({ "metadata": { "annotations": {
        "multi-cluster-aggregator/operation": null,
    } } });
    for change in [removed, forgotten] {
        let refused = patch(&deployment, &change).await.unwrap_err();
        assert!(is_by_policy(&refused), "{refused}");
    }
}

/// With each verb alone in the ClusterRole, its patch passes for each kind that has it, and those of the others are refused.
pub async fn each_verb_allows_its_own_patch(
    plane: &ControlPlane,
    workloads: &[(WorkloadKind, Api<DynamicObject>)],
) {
    let number = std::cell::Cell::new(0);
    // Each another value: what changes nothing is let through.
    let next = || {
        number.set(number.get() + 1);
        number.get()
    };
    let patch_of = |verb: &str| match verb {
        "scale" => json!({ "spec": { "replicas": 10 + next() } }),
        "image" => {
            let image = format!("web:{}", 10 + next());
            container(json!({ "name": "web", "image": image }))
        }
        "pause" => json!({ "spec": { "paused": true } }),
        "resume" => json!({ "spec": { "paused": false } }),
        "restart" => {
            let time = format!("2026-03-01T10:00:{:02}Z", next() % 60);
            json!({ "spec": { "template": { "metadata": { "annotations": {
                "kubectl.kubernetes.io/restartedAt": time,
            } } } } })
        }
        "undo" => {
            let value = next().to_string();
            let containers =
                json!([{ "name": "web", "env": [{ "name": "UNDONE", "value": value }] }]);
            json!({
                "metadata": { "annotations": { "example.com/restored": value, "kubernetes.io/change-cause": format!("undo: {value}") } },
                "spec": { "template": { "metadata": { "annotations": { "x": value } }, "spec": { "containers": containers } } },
            })
        }
        verb => panic!("no patch of {verb} is known here"),
    };
    let mut names: Vec<_> = AllowedVerbs::all().names().collect();
    // It stays paused until it is resumed at the end.
    names.sort_by_key(|name| (*name != "pause", *name == "resume"));
    for verb in &names {
        allow(plane, verb).await;
        let paused = *verb != "resume";
        let changes_nothing = |name: &str| name == if paused { "pause" } else { "resume" };
        // The template of an earlier revision may be any.
        let is_undone = |name: &str| *verb == "undo" && ["restart", "image"].contains(&name);
        let is_refused =
            |change: &Value| *verb != "undo" || change["spec"].get("template").is_none();
        for (kind, api) in workloads {
            if has(verb, *kind) {
                let passes = format!("{verb} of a {kind} passes");
                let passed = condition::met(&passes, PATIENCE, async || {
                    Ok(patch(api, &patch_of(verb)).await.ok())
                });
                passed.await.unwrap();
            }
            let others = names.iter().filter(|other| *other != verb);
            let others = others.filter(|other| has(other, *kind) && !changes_nothing(other));
            for other in others.filter(|other| !is_undone(other)) {
                let refused = condition::met("the others are refused", PATIENCE, async || {
                    Ok(patch(api, &patch_of(other)).await.err())
                });
                let refused = refused.await.unwrap();
                assert!(
                    is_by_policy(&refused),
                    "{verb}, {other} of {kind}: {refused}"
                );
            }
            let of_no_verb = changes_of_no_verb().into_iter().filter(is_refused);
            for other in of_no_verb.chain(never()) {
                let refused = patch(api, &other).await.unwrap_err();
                assert!(
                    is_by_policy(&refused),
                    "{verb}, {other} of {kind}: {refused}"
                );
            }
        }
    }
}

/// Whether there is such a change of this kind.
fn has(verb: &str, kind: WorkloadKind) -> bool {
    let row = VERBS.iter().find(|row| row.name == verb).expect("a verb");
    row.applies_to(kind).is_ok()
}

/// Patches that every set of verbs refuses, even beside a change of an image.
fn changes_of_no_verb() -> Vec<Value> {
    let image = "web:9";
    let pod = |change: Value| json!({ "spec": { "template": { "spec": change } } });
    vec![
        json!({ "spec": { "minReadySeconds": 1 } }),
        json!({ "metadata": { "annotations": { "kubernetes.io/change-cause": "scale: begins no revision" } } }),
        container(json!({ "name": "web", "image": image, "command": ["sh"] })),
        container(json!({ "name": "web", "image": image, "imagePullPolicy": "Always" })),
        container(json!({ "name": "third", "image": image })),
        pod(json!({ "containers": [{ "name": "side", "$patch": "delete" }] })),
        pod(json!({ "initContainers": [{ "name": "first", "image": image }] })),
        pod(
            json!({ "serviceAccountName": "other", "containers": [{ "name": "web", "image": image }] }),
        ),
        pod(
            json!({ "containers": [], "$setElementOrder/containers": [{ "name": "side" }, { "name": "web" }] }),
        ),
    ]
}

/// Patches that no verb allows, `undo` included, which may change the template.
fn never() -> Vec<Value> {
    let with = |field: &str, value: Value| {
        let mut patch = json!({ "metadata": {}, "spec": { "template": { "metadata": { "annotations": { "x": "never" } } } } });
        patch["metadata"][field] = value;
        patch
    };
    let mut replicas = with("annotations", json!({}));
    replicas["spec"]["minReadySeconds"] = json!(3);
    vec![
        json!({ "metadata": { "annotations": { "example.com/without-template": "x" } } }),
        with("annotations", json!({ "example.com/restored": null })),
        with(
            "annotations",
            json!({ "multi-cluster-aggregator/operation": "$(reboot)" }),
        ),
        with(
            "annotations",
            json!({ "kubernetes.io/change-cause": "undo: two\nlines" }),
        ),
        with("labels", json!({ "x": "y" })),
        with("finalizers", json!(["example.com/x"])),
        replicas,
    ]
}

/// A patch of one container of the template.
fn container(change: Value) -> Value {
    json!({ "spec": { "template": { "spec": { "containers": [change] } } } })
}

/// Makes this verb the one that the agent's ClusterRole names.
async fn allow(plane: &ControlPlane, verb: &str) {
    let name = "multi-cluster-aggregator-agent";
    let get = ["get", "clusterrole", name, "--output=json"];
    let role: Value = serde_json::from_str(&plane.kubectl(get).await.unwrap()).unwrap();
    let rules = role["rules"].as_array().unwrap();
    let of_policy = |rule: &Value| rule["apiGroups"] == json!(["multi-cluster-aggregator.io"]);
    let index = rules.iter().position(of_policy).unwrap();
    let path = format!("/rules/{index}/verbs");
    let change = json!([{ "op": "replace", "path": path, "value": ["act", verb] }]).to_string();
    let patch = [
        "patch",
        "clusterrole",
        name,
        "--type=json",
        "--patch",
        &change,
    ];
    plane.kubectl(patch).await.unwrap();
}

/// As the agent makes them, whatever the API server adds to the object.
pub async fn a_restart_and_an_undo_pass(plane: &ControlPlane, stage: &Stage, kind: WorkloadKind) {
    let workload = Workload::create(stage, kind, &format!("policy-{}", kind.plural())).await;
    workload.has(stage, 1).await;
    let first = workload.template().await;
    let undo = workload.undo(2, 1);
    let restart = Restart {
        target: workload.workload.clone(),
        guard: workload.undo(1, 1).guard,
    };
    allow(plane, "restart").await;
    let restarted = condition::met("a restart", PATIENCE, async || {
        Ok(stage.ask(&restart).await.ok())
    });
    restarted.await.expect("restart is allowed");
    workload.has(stage, 2).await;
    let refused = stage.ask(&undo).await.unwrap_err();
    assert_eq!(refused.code, FaultCode::InvalidRequest, "{refused}");
    allow(plane, "undo").await;
    let undone = condition::met("an undo", PATIENCE, async || {
        Ok(stage.ask(&undo).await.ok())
    });
    undone.await.expect("undo is allowed");
    assert_eq!(workload.template().await, first);
}

/// The policy applies to the agent alone: an administrator may change anything.
pub async fn others_are_not_touched(stage: &Stage) {
    let deployment = workloads(stage.admin.clone(), WorkloadKind::Deployment);
    let change = json!({ "spec": { "replicas": 1 } });
    patch(&deployment, &change).await.unwrap();
}
