use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::fixtures::{image, refusal, restart};
use crate::server::Server;

const STRATEGIC: &str = "application/strategic-merge-patch+json";
const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json-patch+json";

async fn send(server: &Server, media_type: &str, patch: Value) -> (u16, Value) {
    server
        .send(
            "PATCH",
            &server.path("/web"),
            media_type,
            &patch.to_string(),
        )
        .await
}

pub async fn a_restart_is_a_strategic_patch(server: Server) {
    server
        .deploy("web", 0, |body| {
            body["spec"]["template"]["metadata"]["annotations"] = json!({ "kept": "yes" });
        })
        .await;
    let restarted = server.patch("web", restart("2026-01-01T00:00:00Z")).await;
    assert_eq!(restarted.metadata.generation, Some(2));
    let template = restarted.spec.unwrap().template.metadata.unwrap();
    let annotations = json!(template.annotations);
    assert_eq!(
        annotations,
        json!({ "kept": "yes", "kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z" })
    );
    let again = server.patch("web", restart("2026-01-01T00:00:00Z")).await;
    assert_eq!(again.metadata.generation, Some(2));
}

pub async fn strategic_lists_merge_by_name(server: Server) {
    server.deploy("web", 0, |body| {
        body["spec"]["template"]["spec"]["containers"] = json!([
            { "name": "app", "image": "app:1", "args": ["a", "b"], "env": [{ "name": "A", "value": "1" }], "ports": [{ "containerPort": 80 }] },
            { "name": "proxy", "image": "proxy:1" },
        ]);
    }).await;
    server.patch("web", image("app:2")).await;
    let patch = json!({ "spec": { "template": { "spec": { "containers": [
        { "name": "app", "args": ["c"], "env": [{ "name": "B", "value": "2" }], "ports": [{ "containerPort": 81 }] },
        { "name": "proxy", "$patch": "delete" },
        { "name": "extra", "image": "extra:1" },
    ] } } } });
    let (code, patched) = send(&server, STRATEGIC, patch).await;
    assert_eq!(code, 200, "{patched}");
    let containers = patched["spec"]["template"]["spec"]["containers"]
        .as_array()
        .unwrap();
    let app = containers.iter().find(|c| c["name"] == "app").unwrap();
    assert_eq!(
        (&app["image"], &app["args"]),
        (&"app:2".into(), &json!(["c"]))
    );
    let mut env: Vec<_> = app["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["name"].as_str().unwrap())
        .collect();
    env.sort_unstable();
    assert_eq!(env, ["A", "B"]);
    assert_eq!(app["ports"].as_array().unwrap().len(), 2);
    assert!(containers.iter().all(|c| c["name"] != "proxy"));
    assert!(containers.iter().any(|c| c["name"] == "extra"));

    let nameless =
        json!({ "spec": { "template": { "spec": { "containers": [{ "image": "x" }] } } } });
    let (code, status) = send(&server, STRATEGIC, nameless).await;
    assert!((400..=422).contains(&code) || code == 500, "{status}");
}

pub async fn a_merge_patch_replaces_lists_and_removes_nulls(server: Server) {
    server
        .deploy("web", 0, |body| {
            body["metadata"]["labels"] = json!({ "a": "1", "b": "2" })
        })
        .await;
    let containers = json!([{ "name": "other", "image": "other:1" }]);
    let patch = json!({ "metadata": { "labels": { "a": null } }, "spec": { "template": { "spec": { "containers": containers } } } });
    let (code, patched) = send(&server, MERGE, patch).await;
    assert_eq!(code, 200, "{patched}");
    assert_eq!(patched["metadata"]["labels"], json!({ "b": "2" }));
    let containers = patched["spec"]["template"]["spec"]["containers"]
        .as_array()
        .unwrap();
    assert_eq!(
        (containers.len(), &containers[0]["name"]),
        (1, &"other".into())
    );
}

pub async fn a_json_patch_can_test(server: Server) {
    server.deploy("web", 0, |_| {}).await;
    let patch = |value: u32| {
        json!([
            { "op": "test", "path": "/spec/replicas", "value": value },
            { "op": "replace", "path": "/spec/paused", "value": true },
        ])
    };
    let (code, status) = send(&server, JSON, patch(5)).await;
    assert_eq!(
        (code, &status["reason"]),
        (422, &"Invalid".into()),
        "{status}"
    );
    let (code, status) = send(
        &server,
        JSON,
        json!([{ "op": "add", "path": "/spec/paused", "value": true }]),
    )
    .await;
    assert_eq!(
        (code, &status["spec"]["paused"]),
        (200, &true.into()),
        "{status}"
    );
    let (code, status) = send(&server, JSON, patch(0)).await;
    assert_eq!(code, 200, "{status}");
    let (code, status) = send(
        &server,
        JSON,
        json!([{ "op": "remove", "path": "/spec/absent" }]),
    )
    .await;
    assert_eq!(code, 422, "{status}");
    let (code, status) = send(&server, JSON, json!({ "spec": {} })).await;
    assert_eq!(
        (code, &status["reason"]),
        (400, &"BadRequest".into()),
        "{status}"
    );
}

pub async fn a_patch_can_name_the_version_it_is_for(server: Server) {
    server.deploy("web", 0, |_| {}).await;
    server
        .patch(
            "web",
            json!({ "metadata": { "labels": { "new": "label" } } }),
        )
        .await;
    let mut patch = restart("2026-01-01T00:00:00Z");
    patch["metadata"] = json!({ "resourceVersion": "1" });
    let params = PatchParams::default();
    for patch in [Patch::Strategic(patch.clone()), Patch::Merge(patch)] {
        let status = refusal(server.deployments().patch("web", &params, &patch).await);
        assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
        assert_eq!(
            status.message,
            "Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified; please apply your changes to the latest version and try again"
        );
    }
    let (_, latest) = server.get(&server.path("/web")).await;
    assert_eq!(
        latest["spec"]["template"]["metadata"].get("annotations"),
        None
    );
}

pub async fn an_unknown_patch_is_refused(server: Server) {
    server.deploy("web", 0, |_| {}).await;
    let (code, status) = send(&server, "application/json", json!({})).await;
    assert_eq!(
        (code, &status["reason"]),
        (415, &"UnsupportedMediaType".into()),
        "{status}"
    );
    let (code, status) = server
        .send("PATCH", &server.path("/web"), MERGE, "{ nonsense")
        .await;
    assert_eq!(
        (code, &status["reason"]),
        (400, &"BadRequest".into()),
        "{status}"
    );
    let (code, status) = server
        .send("PATCH", &server.path("/absent"), MERGE, "{}")
        .await;
    assert_eq!(
        (code, &status["reason"]),
        (404, &"NotFound".into()),
        "{status}"
    );
    let (code, status) = server.send("PATCH", &server.path(""), MERGE, "{}").await;
    assert_eq!(
        (code, &status["reason"]),
        (405, &"MethodNotAllowed".into()),
        "{status}"
    );
}

pub async fn a_patch_to_a_bad_object_is_refused(server: Server) {
    server.deploy("web", 0, |_| {}).await;
    let (code, status) = send(&server, STRATEGIC, json!({ "spec": { "replicas": -1 } })).await;
    assert_eq!(code, 422);
    assert_eq!(
        status["message"],
        "Deployment.apps \"web\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0"
    );
    let (code, status) = send(&server, STRATEGIC, image("")).await;
    assert_eq!(code, 422);
    assert_eq!(
        status["message"],
        "Deployment.apps \"web\" is invalid: spec.template.spec.containers[0].image: Required value"
    );
    assert_eq!(
        status["details"]["causes"][0]["reason"],
        "FieldValueRequired"
    );
}

pub async fn a_patch_cannot_rename(server: Server) {
    server.deploy("web", 0, |_| {}).await;
    let (code, status) = send(&server, MERGE, json!({ "metadata": { "name": "other" } })).await;
    assert_eq!(
        (code, &status["reason"]),
        (400, &"BadRequest".into()),
        "{status}"
    );
    let (code, status) = send(&server, MERGE, json!({ "metadata": { "uid": "other" } })).await;
    assert_eq!(
        (code, &status["reason"]),
        (422, &"Invalid".into()),
        "{status}"
    );
    let (_, mut web) = server.get(&server.path("/web")).await;
    web["metadata"]["uid"] = "other".into();
    let (path, web) = (server.path("/web"), web.to_string());
    let (code, status) = server.send("PUT", &path, "application/json", &web).await;
    assert_eq!((code, &status["reason"]), (409, &"Conflict".into()));
    let message = status["message"].as_str().unwrap();
    let precondition = "Precondition failed: UID in precondition: other, UID in object meta: ";
    assert!(message.contains(precondition), "{message}");
}

pub async fn the_scale_is_a_resource_of_its_own(server: Server) {
    server
        .deploy("web", 0, |body| body["spec"]["paused"] = true.into())
        .await;
    let path = server.path("/web/scale");
    let (code, scale) = server.get(&path).await;
    assert_eq!(
        (code, &scale["kind"], &scale["apiVersion"]),
        (200, &"Scale".into(), &"autoscaling/v1".into())
    );
    assert_eq!(scale["status"]["selector"], "app=web");
    let patch = json!({ "spec": { "replicas": 2 } }).to_string();
    let (code, scale) = server.send("PATCH", &path, MERGE, &patch).await;
    assert_eq!(
        (code, &scale["spec"]["replicas"]),
        (200, &2.into()),
        "{scale}"
    );
    let (_, web) = server.get(&server.path("/web")).await;
    assert_eq!(
        (&web["spec"]["replicas"], &web["metadata"]["generation"]),
        (&2.into(), &2.into())
    );
}
