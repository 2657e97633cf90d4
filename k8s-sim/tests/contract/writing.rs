use kube::api::{DeleteParams, PostParams, Preconditions};
use serde_json::json;

use crate::fixtures::{deployment, refusal};
use crate::server::Server;

const JSON: &str = "application/json";

pub async fn a_selector_cannot_change(server: Server) {
    server.deploy("web", 0, |_| {}).await;
    let patch = json!({ "spec": { "selector": { "matchLabels": { "tier": "x" } }, "template": { "metadata": { "labels": { "tier": "x" } } } } });
    let (code, status) = server
        .send(
            "PATCH",
            &server.path("/web"),
            "application/merge-patch+json",
            &patch.to_string(),
        )
        .await;
    assert_eq!(code, 422, "{status}");
    assert!(
        status["message"]
            .as_str()
            .unwrap()
            .ends_with("field is immutable"),
        "{status}"
    );
}

pub async fn an_old_version_does_not_overwrite(server: Server) {
    server.deploy("web", 0, |_| {}).await;
    let mut old = server.deployments().get("web").await.unwrap();
    server
        .patch(
            "web",
            json!({ "metadata": { "labels": { "new": "label" } } }),
        )
        .await;
    old.metadata.labels = None;
    let status = refusal(
        server
            .deployments()
            .replace("web", &PostParams::default(), &old)
            .await,
    );
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
    assert_eq!(
        status.message,
        "Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified; please apply your changes to the latest version and try again"
    );
    old.metadata.resource_version = None;
    let new = server
        .deployments()
        .replace("web", &PostParams::default(), &old)
        .await
        .unwrap();
    assert_eq!(new.metadata.labels, None);

    old.metadata.name = Some("other".to_owned());
    let (code, _) = server
        .send("PUT", &server.path("/web"), JSON, &json!(old).to_string())
        .await;
    assert_eq!(code, 400);
    old.metadata.name = Some("absent".to_owned());
    old.metadata.uid = None;
    let status = refusal(
        server
            .deployments()
            .replace("absent", &PostParams::default(), &old)
            .await,
    );
    assert_eq!(status.code, 404);
}

pub async fn the_spec_and_a_deployments_annotations_make_a_generation(server: Server) {
    server.deploy("web", 0, |_| {}).await;
    let labelled = server
        .patch(
            "web",
            json!({ "metadata": { "labels": { "new": "label" } } }),
        )
        .await;
    assert_eq!(labelled.metadata.generation, Some(1));
    let changed = server
        .patch("web", json!({ "spec": { "minReadySeconds": 1 } }))
        .await;
    assert_eq!(changed.metadata.generation, Some(2));
    let forged = server
        .patch("web", json!({ "metadata": { "generation": 9 } }))
        .await;
    assert_eq!(forged.metadata.generation, Some(2));
    let annotated = server
        .patch(
            "web",
            json!({ "metadata": { "annotations": { "new": "note" } } }),
        )
        .await;
    assert_eq!(annotated.metadata.generation, Some(3));
}

pub async fn a_write_that_changes_nothing_is_none(server: Server) {
    server.deploy("web", 0, |_| {}).await;
    let settled = |d: &k8s_openapi::api::apps::v1::Deployment| {
        d.status.as_ref().is_some_and(|s| {
            s.observed_generation == Some(1) && s.conditions.as_ref().is_some_and(|c| c.len() == 2)
        })
    };
    server.rolled_out("web").await;
    let before = server.until("web", "a settled deployment", settled).await;
    let after = server
        .patch("web", json!({ "spec": { "replicas": 0 } }))
        .await;
    assert_eq!(
        before.metadata.resource_version,
        after.metadata.resource_version
    );
}

pub async fn a_dry_run_leaves_nothing(server: Server) {
    let path = server.path("?dryRun=All");
    let (code, created) = server
        .send("POST", &path, JSON, &deployment("web", 0).to_string())
        .await;
    assert_eq!(
        (code, &created["spec"]["revisionHistoryLimit"]),
        (201, &10.into())
    );
    assert_eq!(server.get(&server.path("/web")).await.0, 404);
    server.deploy("web", 0, |_| {}).await;
    let merge = "application/merge-patch+json";
    let patch = json!({ "spec": { "replicas": 7 } }).to_string();
    let (code, patched) = server
        .send("PATCH", &server.path("/web?dryRun=All"), merge, &patch)
        .await;
    assert_eq!((code, &patched["spec"]["replicas"]), (200, &7.into()));
    assert_eq!(
        server.get(&server.path("/web")).await.1["spec"]["replicas"],
        0
    );
    let (code, _) = server
        .send("PATCH", &server.path("/web?dryRun=Some"), merge, &patch)
        .await;
    assert_eq!(code, 422);
}

pub async fn a_deletion_returns_what_it_deleted(server: Server) {
    let uid = server.deploy("web", 0, |_| {}).await.metadata.uid;
    let (code, status) = server.send("DELETE", &server.path("/web"), "", "").await;
    assert_eq!((code, &status["status"]), (200, &"Success".into()));
    assert_eq!(
        status["details"],
        json!({ "name": "web", "group": "apps", "kind": "deployments", "uid": uid })
    );
    let status = refusal(
        server
            .deployments()
            .delete("web", &DeleteParams::default())
            .await,
    );
    assert_eq!(
        (status.code, status.message.as_str()),
        (404, "deployments.apps \"web\" not found")
    );
}

pub async fn a_deletion_can_be_conditional(server: Server) {
    server.deploy("web", 0, |_| {}).await;
    let other = Preconditions {
        uid: Some("another".to_owned()),
        resource_version: None,
    };
    let params = DeleteParams::default().preconditions(other);
    let status = refusal(server.deployments().delete("web", &params).await);
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
    let start = "Operation cannot be fulfilled on Deployment.apps \"web\": the UID in the precondition (another) does not match the UID in record (";
    let end = "). The object might have been deleted and then recreated";
    assert!(
        status.message.starts_with(start) && status.message.ends_with(end),
        "{}",
        status.message
    );
}

pub async fn the_status_is_written_apart(server: Server) {
    server
        .deploy("web", 0, |body| {
            body["spec"]["paused"] = true.into();
            body["status"] = json!({ "replicas": 5 });
        })
        .await;
    let (_, created) = server.get(&server.path("/web")).await;
    assert_eq!(created["status"].get("replicas"), None);
    let merge = "application/merge-patch+json";
    let both = json!({ "spec": { "replicas": 7 }, "status": { "collisionCount": 3 } }).to_string();
    let (code, written) = server
        .send("PATCH", &server.path("/web/status"), merge, &both)
        .await;
    assert_eq!(
        (code, &written["status"]["collisionCount"]),
        (200, &3.into())
    );
    assert_eq!(written["spec"]["replicas"], 0);
}
