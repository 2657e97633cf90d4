//! What is the same for several kinds: plain objects, and what every workload has in common.

use serde_json::{Value, json};

use crate::fixtures::{daemon_set, deployment, image, stateful_set};
use crate::server::Server;

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";

async fn start_all(server: &Server, replicas: i32) -> [&'static str; 3] {
    for (plural, body) in [
        ("deployments", deployment("web", replicas)),
        ("statefulsets", stateful_set("web", replicas)),
        ("daemonsets", daemon_set("web")),
    ] {
        server.create(plural, &body).await;
    }
    ["deployments/web", "statefulsets/web", "daemonsets/web"]
}

pub async fn autoscalers_and_budgets_are_stored(server: Server) {
    let target = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" });
    let scaler = json!({
        "metadata": { "name": "web" }, "spec": { "maxReplicas": 4, "scaleTargetRef": target },
    });
    let selector = json!({ "matchLabels": { "app": "web" } });
    let budget = json!({
        "metadata": { "name": "web" }, "spec": { "maxUnavailable": 1, "selector": selector },
    });
    for (group, kind, plural, body) in [
        (
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "horizontalpodautoscalers",
            scaler,
        ),
        (
            "policy/v1",
            "PodDisruptionBudget",
            "poddisruptionbudgets",
            budget,
        ),
    ] {
        let (all, one) = (
            server.path_of(group, plural),
            server.path_of(group, &format!("{plural}/web")),
        );
        let (code, created) = server.send("POST", &all, JSON, &body.to_string()).await;
        assert_eq!(
            (code, &created["kind"], &created["apiVersion"]),
            (201, &kind.into(), &group.into()),
            "{created}"
        );
        let (_, found) = server.get(&one).await;
        assert_eq!(found["metadata"]["uid"], created["metadata"]["uid"]);
        let (_, list) = server.get(&all).await;
        assert_eq!(list["kind"], format!("{kind}List"));
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
        let (code, _) = server.send("DELETE", &one, "", "").await;
        assert_eq!((code, server.get(&one).await.0), (200, 404));
    }
    let (_, created) = {
        let mut sparse = json!({ "metadata": { "name": "web" } });
        sparse["spec"] = json!({ "maxReplicas": 4, "scaleTargetRef": target });
        let all = server.path_of("autoscaling/v2", "horizontalpodautoscalers");
        server.send("POST", &all, JSON, &sparse.to_string()).await
    };
    assert_eq!(created["spec"]["minReplicas"], 1);
    assert_eq!(created["spec"]["metrics"][0]["resource"]["name"], "cpu");
}

pub async fn any_workload_can_be_patched_without_effect(server: Server) {
    for rest in start_all(&server, 0).await {
        let path = server.path_of("apps/v1", rest);
        let dry = format!("{path}?dryRun=All");
        let before = server.until_at(rest, "an observed template", |workload| {
            workload["status"]["observedGeneration"] == 1
        });
        let generation = before.await["metadata"]["generation"].clone();
        let patch = json!({ "metadata": { "labels": { "new": "label" } }, "spec": { "minReadySeconds": 5 } });
        let json_patch = json!([{ "op": "add", "path": "/metadata/labels/new", "value": "label" }]);
        for (media_type, patch) in [
            (MERGE, &patch),
            ("application/strategic-merge-patch+json", &patch),
            ("application/json-patch+json", &json_patch),
        ] {
            let (code, shown) = server
                .send("PATCH", &dry, media_type, &patch.to_string())
                .await;
            assert_eq!(
                (code, &shown["metadata"]["labels"]["new"]),
                (200, &"label".into()),
                "{shown}"
            );
        }
        let (_, shown) = server.send("PATCH", &dry, MERGE, &patch.to_string()).await;
        assert_eq!(shown["metadata"]["generation"], 2);
        let bad = json!({ "spec": { "minReadySeconds": -1 } }).to_string();
        let (code, _) = server.send("PATCH", &dry, MERGE, &bad).await;
        assert_eq!(code, 422, "{rest}");
        let (_, now) = server.get(&path).await;
        assert_eq!(now["metadata"]["generation"], generation);
        assert_eq!(now["metadata"]["labels"].get("new"), None, "{rest}");
    }
    for rest in ["deployments/web/scale", "statefulsets/web/scale"] {
        let path = server.path_of("apps/v1", &format!("{rest}?dryRun=All"));
        let patch = json!({ "spec": { "replicas": 7 } }).to_string();
        let (code, shown) = server.send("PATCH", &path, MERGE, &patch).await;
        assert_eq!(
            (code, &shown["spec"]["replicas"]),
            (200, &7.into()),
            "{shown}"
        );
        let (_, now) = server.get(&server.path_of("apps/v1", rest)).await;
        assert_eq!(
            now["spec"]
                .get("replicas")
                .and_then(Value::as_i64)
                .unwrap_or(0),
            0
        );
    }
}

pub async fn any_workload_is_patched_for_a_version(server: Server) {
    for rest in start_all(&server, 0).await {
        let mut patch = image("registry.example.com/web:2.0");
        patch["metadata"] = json!({ "resourceVersion": "1" });
        let (code, status) = server.patch_at(rest, &patch).await;
        assert_eq!(
            (code, &status["reason"]),
            (409, &"Conflict".into()),
            "{status}"
        );
        let (plural, _) = rest.split_once('/').unwrap();
        let message = format!(
            "Operation cannot be fulfilled on {plural}.apps \"web\": the object has been modified; please apply your changes to the latest version and try again"
        );
        assert_eq!(status["message"], message);
        let mut patch = json!({ "metadata": { "labels": { "new": "label" } } });
        patch["metadata"]["uid"] = "other".into();
        let (code, status) = server.patch_at(rest, &patch).await;
        assert!(matches!(code, 409 | 422), "{status}");
    }
}

pub async fn any_workload_goes_with_its_pods(server: Server) {
    let all = start_all(&server, 1).await;
    let pods_of = async |kind: &str| {
        let pods = server.pods_of("web").await.into_iter();
        let owners = pods.flat_map(|pod| pod.metadata.owner_references.unwrap_or_default());
        owners.filter(|owner| owner.kind == kind).count()
    };
    for (rest, kind) in all
        .into_iter()
        .zip(["ReplicaSet", "StatefulSet", "DaemonSet"])
    {
        server
            .eventually("a pod", async || (pods_of(kind).await > 0).then_some(()))
            .await;
        let path = server.path_of("apps/v1", rest);
        let background = json!({ "propagationPolicy": "Background" }).to_string();
        let (code, _) = server.send("DELETE", &path, JSON, &background).await;
        assert_eq!(code, 200);
        server
            .eventually("the pods to go", async || {
                (pods_of(kind).await == 0).then_some(())
            })
            .await;
    }
    server
        .eventually("the revisions to go", async || {
            server.revisions_of("web").await.is_empty().then_some(())
        })
        .await;
}
