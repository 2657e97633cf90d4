use serde_json::{Value, json};

use crate::fixtures::{image, is_stateful_set_rolled_out, restart, stateful_set};
use crate::server::Server;

const DB: &str = "statefulsets/db";

async fn start(server: &Server, replicas: i32, change: impl FnOnce(&mut Value)) -> Value {
    let mut set = stateful_set("db", replicas);
    change(&mut set);
    server.create("statefulsets", &set).await
}

async fn patch(server: &Server, patch: Value) -> Value {
    let (code, patched) = server.patch_at(DB, &patch).await;
    assert_eq!(code, 200, "{patched}");
    patched
}

async fn rolled_out(server: &Server) -> Value {
    server
        .until_at(DB, "a finished rollout", is_stateful_set_rolled_out)
        .await
}

/// The name and the revision of each pod, in order.
async fn pods(server: &Server) -> Vec<(String, String)> {
    let pods = server.pods_of("db").await.into_iter();
    let mut pods: Vec<_> = pods
        .map(|pod| {
            let labels = pod.metadata.labels.unwrap_or_default();
            let revision = labels["controller-revision-hash"].clone();
            (pod.metadata.name.unwrap_or_default(), revision)
        })
        .collect();
    pods.sort();
    pods
}

fn names(pods: &[(String, String)]) -> Vec<&str> {
    pods.iter().map(|(name, _)| name.as_str()).collect()
}

async fn numbers(server: &Server) -> Vec<i64> {
    let revisions = server.revisions_of("db").await;
    revisions.iter().map(|known| known.revision).collect()
}

pub async fn a_stateful_set_gets_its_defaults(server: Server) {
    let created = start(&server, 1, |set| {
        let spec = set["spec"].as_object_mut().unwrap();
        spec.remove("replicas");
        let rolling = json!({ "maxUnavailable": 2 });
        spec.insert(
            "updateStrategy".to_owned(),
            json!({ "rollingUpdate": rolling }),
        );
    })
    .await;
    let spec = &created["spec"];
    assert_eq!(
        (&spec["replicas"], &spec["revisionHistoryLimit"]),
        (&1.into(), &10.into())
    );
    assert_eq!(spec["podManagementPolicy"], "OrderedReady");
    assert_eq!(
        spec["updateStrategy"],
        json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } })
    );
    assert_eq!(
        spec["persistentVolumeClaimRetentionPolicy"],
        json!({ "whenDeleted": "Retain", "whenScaled": "Retain" })
    );
    assert_eq!(spec["template"]["spec"]["restartPolicy"], "Always");
    assert_eq!(created["metadata"]["generation"], 1);
    assert_eq!(
        created["status"],
        json!({ "replicas": 0, "availableReplicas": 0 })
    );
}

pub async fn pods_are_numbered_and_carry_their_revision(server: Server) {
    let annotate = |set: &mut Value| set["metadata"]["annotations"] = json!({ "owner": "me" });
    start(&server, 2, annotate).await;
    let done = rolled_out(&server).await;
    let revision = done["status"]["updateRevision"].as_str().unwrap();
    assert_eq!(
        done["status"],
        json!({
            "observedGeneration": 1, "replicas": 2, "readyReplicas": 2, "availableReplicas": 2,
            "currentReplicas": 2, "updatedReplicas": 2, "currentRevision": revision,
            "updateRevision": revision, "collisionCount": 0,
        })
    );
    let pods = server.pods_of("db").await;
    let mut names: Vec<_> = pods.iter().map(|pod| pod.metadata.name.clone()).collect();
    names.sort();
    assert_eq!(names, [Some("db-0".to_owned()), Some("db-1".to_owned())]);
    for pod in pods {
        let name = pod.metadata.name.unwrap();
        let labels = pod.metadata.labels.unwrap();
        assert_eq!(labels["controller-revision-hash"], revision);
        assert_eq!(labels["statefulset.kubernetes.io/pod-name"], name);
        let number = name.strip_prefix("db-").unwrap();
        assert_eq!(labels["apps.kubernetes.io/pod-index"], number);
        assert_eq!(
            pod.metadata.owner_references.unwrap()[0].kind,
            "StatefulSet"
        );
        let spec = pod.spec.unwrap();
        assert_eq!(
            (spec.hostname, spec.subdomain),
            (Some(name), Some("db".into()))
        );
    }

    let revisions = server.revisions_of("db").await;
    assert_eq!(revisions.len(), 1);
    let first = &revisions[0];
    assert_eq!(first.revision, 1);
    let meta = &first.metadata;
    let hash = &meta.labels.as_ref().unwrap()["controller.kubernetes.io/hash"];
    assert_eq!(revision, format!("db-{hash}"));
    assert_eq!(meta.name.as_deref(), Some(revision));
    assert_eq!(meta.annotations.as_ref().unwrap()["owner"], "me");
    let owner = &meta.owner_references.as_ref().unwrap()[0];
    assert_eq!(
        (owner.kind.as_str(), owner.controller),
        ("StatefulSet", Some(true))
    );
    let mut template = done["spec"]["template"].clone();
    template["$patch"] = "replace".into();
    let data = &first.data.as_ref().unwrap().0;
    assert_eq!(*data, json!({ "spec": { "template": template } }));
}

pub async fn pods_in_order_wait_for_each_other(server: Server) {
    start(&server, 3, |set| {
        set["spec"]["template"]["spec"]["containers"][0]["image"] = "bad:1".into();
    })
    .await;
    server
        .eventually("a pod that cannot start", async || {
            let pods = server.pods_of("db").await;
            let waits = pods.iter().any(|pod| {
                let status = json!(pod.status);
                let waiting = &status["containerStatuses"][0]["state"]["waiting"];
                waiting["reason"] == "ImagePullBackOff"
            });
            waits.then_some(())
        })
        .await;
    assert_eq!(names(&pods(&server).await), ["db-0"]);
}

pub async fn parallel_pods_do_not_wait(server: Server) {
    start(&server, 3, |set| {
        set["spec"]["podManagementPolicy"] = "Parallel".into();
        set["spec"]["template"]["spec"]["containers"][0]["image"] = "bad:1".into();
    })
    .await;
    server
        .eventually("all pods at once", async || {
            (names(&pods(&server).await) == ["db-0", "db-1", "db-2"]).then_some(())
        })
        .await;
}

pub async fn a_restart_replaces_numbered_pods(server: Server) {
    start(&server, 3, |_| {}).await;
    let before = rolled_out(&server).await;
    let old = before["status"]["currentRevision"].clone();
    patch(&server, restart("2026-01-01T00:00:00Z")).await;
    let watched = server
        .until_at(DB, "the first replaced pods", |set| {
            let status = &set["status"];
            assert!(
                status["readyReplicas"].as_i64().unwrap_or(0) >= 2,
                "one at a time"
            );
            status["updateRevision"] != old && status["updatedReplicas"].as_i64() >= Some(1)
        })
        .await;
    let status = &watched["status"];
    let new = &status["updateRevision"];
    for (name, revision) in pods(&server).await {
        // While the first pod is old, all others may be new: the highest is the first.
        assert!(
            name == "db-0" || name == "db-1" || new == revision.as_str(),
            "{name}"
        );
    }
    let done = rolled_out(&server).await;
    assert_eq!(done["status"]["currentRevision"], *new);
    assert_eq!(done["status"]["currentReplicas"], 3);
    let pods = pods(&server).await;
    assert!(
        pods.iter().all(|(_, revision)| new == revision.as_str()),
        "{pods:?}"
    );
    assert_eq!(numbers(&server).await, [1, 2]);
}

pub async fn pods_below_the_partition_keep_their_template(server: Server) {
    start(&server, 3, |set| {
        set["spec"]["updateStrategy"] =
            json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": 2 } });
    })
    .await;
    rolled_out(&server).await;
    patch(&server, image("registry.example.com/web:2.0")).await;
    let partly = server
        .until_at(DB, "the pod above the partition", |set| {
            let status = &set["status"];
            status["updatedReplicas"] == 1 && status["readyReplicas"] == 3
        })
        .await;
    let status = &partly["status"];
    let (old, new) = (&status["currentRevision"], &status["updateRevision"]);
    assert_eq!(status["currentReplicas"], 2);
    let expected = [("db-0", old), ("db-1", old), ("db-2", new)];
    let expected = expected.map(|(name, of)| (name.to_owned(), of.as_str().unwrap().to_owned()));
    assert_eq!(pods(&server).await, expected);

    // A deleted pod below the partition comes back with the old template.
    let pod = format!("/api/v1/namespaces/{}/pods/db-0", server.namespace);
    let (_, before) = server.get(&pod).await;
    server.send("DELETE", &pod, "", "").await;
    server
        .eventually("the deleted pod to come back", async || {
            let (code, now) = server.get(&pod).await;
            (code == 200 && now["metadata"]["uid"] != before["metadata"]["uid"]).then_some(())
        })
        .await;
    assert_eq!(pods(&server).await, expected);

    patch(
        &server,
        json!({ "spec": { "updateStrategy": { "rollingUpdate": { "partition": 0 } } } }),
    )
    .await;
    rolled_out(&server).await;
}

pub async fn a_template_waits_until_pods_are_deleted(server: Server) {
    start(&server, 2, |set| {
        set["spec"]["updateStrategy"] = json!({ "type": "OnDelete" });
    })
    .await;
    rolled_out(&server).await;
    patch(&server, image("registry.example.com/web:2.0")).await;
    let waiting = server
        .until_at(DB, "an observed template", |set| {
            set["status"]["observedGeneration"] == 2
        })
        .await;
    let (old, new) = (
        waiting["status"]["currentRevision"].as_str().unwrap(),
        waiting["status"]["updateRevision"].as_str().unwrap(),
    );
    assert_ne!(old, new);
    assert_eq!(waiting["status"].get("updatedReplicas"), None);
    let pod = format!("/api/v1/namespaces/{}/pods/db-0", server.namespace);
    server.send("DELETE", &pod, "", "").await;
    let one = server
        .until_at(DB, "one new pod", |set| {
            let status = &set["status"];
            status["updatedReplicas"] == 1 && status["readyReplicas"] == 2
        })
        .await;
    assert_eq!(one["status"]["currentReplicas"], 1);
    let expected = [("db-0", new), ("db-1", old)];
    let expected = expected.map(|(name, of)| (name.to_owned(), of.to_owned()));
    assert_eq!(pods(&server).await, expected);
}

pub async fn an_earlier_template_gets_its_revision_back(server: Server) {
    start(&server, 1, |_| {}).await;
    let first = rolled_out(&server).await["status"]["updateRevision"].clone();
    patch(&server, image("registry.example.com/web:2.0")).await;
    rolled_out(&server).await;
    patch(&server, image("registry.example.com/web:1.0")).await;
    let back = server
        .until_at(DB, "the earlier revision", |set| {
            is_stateful_set_rolled_out(set) && set["status"]["updateRevision"] == first
        })
        .await;
    assert_eq!(back["status"]["observedGeneration"], 3);
    let revisions = server.revisions_of("db").await;
    let numbers: Vec<_> = revisions.iter().map(|known| known.revision).collect();
    assert_eq!(numbers, [2, 3]);
    assert_eq!(first, json!(revisions[1].metadata.name));
}

pub async fn old_revisions_are_removed_beyond_the_limit(server: Server) {
    start(&server, 1, |set| {
        set["spec"]["revisionHistoryLimit"] = 1.into();
    })
    .await;
    rolled_out(&server).await;
    for version in ["2.0", "3.0", "4.0"] {
        patch(
            &server,
            image(&format!("registry.example.com/web:{version}")),
        )
        .await;
        rolled_out(&server).await;
    }
    server
        .eventually("the oldest revisions to go", async || {
            (numbers(&server).await == [3, 4]).then_some(())
        })
        .await;
}

pub async fn a_smaller_set_loses_its_highest_pods(server: Server) {
    start(&server, 3, |_| {}).await;
    rolled_out(&server).await;
    let path = server.path_of("apps/v1", "statefulsets/db/scale");
    let body = json!({ "spec": { "replicas": 1 } }).to_string();
    let merge = "application/merge-patch+json";
    let (code, scale) = server.send("PATCH", &path, merge, &body).await;
    assert_eq!(
        (code, &scale["spec"]["replicas"]),
        (200, &1.into()),
        "{scale}"
    );
    server
        .eventually("the highest pods to go", async || {
            (names(&pods(&server).await) == ["db-0"]).then_some(())
        })
        .await;
    let done = rolled_out(&server).await;
    assert_eq!(done["metadata"]["generation"], 2);
    assert_eq!(numbers(&server).await, [1]);
}

async fn refusal(server: &Server, change: Value) -> String {
    let (code, status) = server.patch_at(DB, &change).await;
    assert_eq!(
        (code, &status["reason"]),
        (422, &"Invalid".into()),
        "{status}"
    );
    status["message"].as_str().unwrap().to_owned()
}

pub async fn most_of_a_stateful_set_cannot_change(server: Server) {
    start(&server, 0, |_| {}).await;
    let forbidden = "StatefulSet.apps \"db\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
    let labels = json!({ "app": "db", "x": "y" });
    let template = json!({ "metadata": { "labels": labels } });
    for spec in [
        json!({ "serviceName": "other" }),
        json!({ "podManagementPolicy": "Parallel" }),
        json!({ "selector": { "matchLabels": labels }, "template": template }),
    ] {
        assert_eq!(refusal(&server, json!({ "spec": spec })).await, forbidden);
    }
    patch(
        &server,
        json!({ "spec": {
            "replicas": 0, "template": template, "minReadySeconds": 1, "revisionHistoryLimit": 3,
            "ordinals": { "start": 1 }, "updateStrategy": { "rollingUpdate": { "partition": 1 } },
            "persistentVolumeClaimRetentionPolicy": { "whenScaled": "Delete" },
        } }),
    )
    .await;
}

pub async fn a_bad_stateful_set_is_refused(server: Server) {
    start(&server, 0, |_| {}).await;
    let rolling = |partition: i32| json!({ "rollingUpdate": { "partition": partition } });
    for (spec, what) in [
        (
            json!({ "replicas": -1 }),
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            json!({ "updateStrategy": rolling(-1) }),
            "spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            json!({ "updateStrategy": { "type": "OnDelete" } }),
            "spec.updateStrategy.rollingUpdate: Invalid value: {\"Partition\":0,\"MaxUnavailable\":null}: only allowed for updateStrategy 'RollingUpdate'",
        ),
        (
            json!({ "updateStrategy": { "type": "Nope" } }),
            "spec.updateStrategy: Invalid value: {\"Type\":\"Nope\",\"RollingUpdate\":{\"Partition\":0,\"MaxUnavailable\":null}}: must be 'RollingUpdate' or 'OnDelete'",
        ),
        (
            json!({ "template": { "spec": { "restartPolicy": "Never" } } }),
            "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"",
        ),
        (
            json!({ "template": { "metadata": { "labels": { "app": "x" } } } }),
            "spec.template.metadata.labels: Invalid value: {\"app\":\"x\"}: `selector` does not match template `labels`",
        ),
    ] {
        let message = refusal(&server, json!({ "spec": spec })).await;
        assert_eq!(
            message,
            format!("StatefulSet.apps \"db\" is invalid: {what}")
        );
    }
}

pub async fn a_broken_pod_holds_up_its_own_repair(server: Server) {
    start(&server, 2, |_| {}).await;
    let good = rolled_out(&server).await["status"]["updateRevision"].clone();
    patch(&server, image("bad:1")).await;
    server
        .until_at(DB, "a broken update", |set| {
            let status = &set["status"];
            status["updatedReplicas"] == 1 && status["readyReplicas"] == 1
        })
        .await;
    patch(&server, image("registry.example.com/web:1.0")).await;
    server
        .until_at(DB, "the good template", |set| {
            let status = &set["status"];
            status["observedGeneration"] == 3 && status["updateRevision"] == good
        })
        .await;
    let stuck = pods(&server).await;
    assert_ne!(
        good,
        stuck[1].1.as_str(),
        "the broken pod is still there: {stuck:?}"
    );
    let pod = format!("/api/v1/namespaces/{}/pods/db-1", server.namespace);
    server.send("DELETE", &pod, "", "").await;
    rolled_out(&server).await;
}
