use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::fixtures::{daemon_set, image, is_daemon_set_rolled_out, restart};
use crate::server::Server;

const LOG: &str = "daemonsets/log";

async fn start(server: &Server, change: impl FnOnce(&mut Value)) -> Value {
    let mut set = daemon_set("log");
    change(&mut set);
    server.create("daemonsets", &set).await
}

async fn patch(server: &Server, patch: Value) -> Value {
    let (code, patched) = server.patch_at(LOG, &patch).await;
    assert_eq!(code, 200, "{patched}");
    patched
}

async fn rolled_out(server: &Server) -> Value {
    server
        .until_at(LOG, "a finished rollout", is_daemon_set_rolled_out)
        .await
}

async fn nodes(server: &Server) -> Vec<String> {
    let nodes: Api<Node> = Api::all(server.client.clone());
    let nodes = nodes.list(&ListParams::default()).await.unwrap();
    let names = nodes.items.into_iter().map(|node| node.metadata.name);
    names.flatten().collect()
}

/// The value of a label of each pod.
async fn labels(server: &Server, label: &str) -> Vec<String> {
    let pods = server.pods_of("log").await.into_iter();
    pods.map(|pod| pod.metadata.labels.unwrap_or_default()[label].clone())
        .collect()
}

pub async fn a_daemon_set_gets_its_defaults(server: Server) {
    let created = start(&server, |_| {}).await;
    let spec = &created["spec"];
    assert_eq!(spec["revisionHistoryLimit"], 10);
    assert_eq!(
        spec["updateStrategy"],
        json!({ "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 0, "maxUnavailable": 1 } })
    );
    assert_eq!(
        created["status"],
        json!({
            "currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0,
            "numberReady": 0,
        })
    );
}

pub async fn each_node_has_a_daemon(server: Server) {
    start(&server, |_| {}).await;
    let done = rolled_out(&server).await;
    let mut nodes = nodes(&server).await;
    let all = nodes.len();
    assert_eq!(
        done["status"],
        json!({
            "observedGeneration": 1, "currentNumberScheduled": all, "desiredNumberScheduled": all,
            "numberAvailable": all, "numberMisscheduled": 0, "numberReady": all,
            "updatedNumberScheduled": all,
        })
    );
    let pods = server.pods_of("log").await;
    let on = |pod: &k8s_openapi::api::core::v1::Pod| pod.spec.clone()?.node_name;
    let mut found: Vec<_> = pods.iter().filter_map(on).collect();
    found.sort();
    nodes.sort();
    assert_eq!(found, nodes);
    let revisions = server.revisions_of("log").await;
    assert_eq!(revisions.len(), 1);
    let meta = &revisions[0].metadata;
    let hash = &meta.labels.as_ref().unwrap()["controller-revision-hash"];
    assert_eq!(meta.name.as_deref(), Some(format!("log-{hash}").as_str()));
    for pod in pods {
        let meta = pod.metadata;
        assert_eq!(
            meta.labels.as_ref().unwrap()["controller-revision-hash"],
            *hash
        );
        assert_eq!(
            meta.labels.as_ref().unwrap()["pod-template-generation"],
            "1"
        );
        assert!(meta.name.unwrap().starts_with("log-"));
        assert_eq!(meta.owner_references.unwrap()[0].kind, "DaemonSet");
    }
}

pub async fn a_restart_replaces_daemons(server: Server) {
    start(&server, |_| {}).await;
    rolled_out(&server).await;
    let before = labels(&server, "controller-revision-hash").await;
    patch(&server, restart("2026-01-01T00:00:00Z")).await;
    let all = i64::try_from(before.len()).unwrap();
    server
        .until_at(LOG, "a finished restart", |set| {
            let available = set["status"]["numberAvailable"].as_i64().unwrap_or(0);
            assert!(available >= all - 1, "one at a time");
            is_daemon_set_rolled_out(set)
        })
        .await;
    server
        .eventually("new pods only", async || {
            let now = labels(&server, "controller-revision-hash").await;
            (now.len() == before.len() && !now.contains(&before[0])).then_some(())
        })
        .await;
    let revisions = server.revisions_of("log").await;
    let numbers: Vec<_> = revisions.iter().map(|known| known.revision).collect();
    assert_eq!(numbers, [1, 2]);
}

pub async fn a_surging_daemon_set_has_two_pods_on_a_node(server: Server) {
    start(&server, |set| {
        let rolling = json!({ "maxSurge": 1, "maxUnavailable": 0 });
        set["spec"]["updateStrategy"] = json!({ "rollingUpdate": rolling });
    })
    .await;
    rolled_out(&server).await;
    let all = nodes(&server).await.len();
    let old = labels(&server, "controller-revision-hash").await.remove(0);
    // The new pods do not serve, so the old ones stay.
    patch(&server, image("never-ready:1")).await;
    let count = async |of: &dyn Fn(&String) -> bool| {
        let labels = labels(&server, "controller-revision-hash").await;
        labels.iter().filter(|hash| of(hash)).count()
    };
    server
        .eventually("one pod more", async || {
            (count(&|hash| *hash != old).await == 1).then_some(())
        })
        .await;
    assert_eq!(count(&|hash| *hash == old).await, all);
    patch(&server, image("registry.example.com/web:2.0")).await;
    rolled_out(&server).await;
    server
        .eventually("the old pods to go", async || {
            let left = count(&|hash| *hash == old).await;
            let new = count(&|hash| *hash != old).await;
            (left == 0 && new == all).then_some(())
        })
        .await;
}

pub async fn daemons_wait_until_they_are_deleted(server: Server) {
    start(&server, |set| {
        set["spec"]["updateStrategy"] = json!({ "type": "OnDelete" });
    })
    .await;
    rolled_out(&server).await;
    patch(&server, image("registry.example.com/web:2.0")).await;
    let waiting = server
        .until_at(LOG, "an observed template", |set| {
            set["status"]["observedGeneration"] == 2
        })
        .await;
    let updated = |set: &Value| {
        set["status"]["updatedNumberScheduled"]
            .as_i64()
            .unwrap_or(0)
    };
    assert_eq!(updated(&waiting), 0);
    let pod = server.pods_of("log").await.remove(0).metadata.name.unwrap();
    let pod = format!("/api/v1/namespaces/{}/pods/{pod}", server.namespace);
    server.send("DELETE", &pod, "", "").await;
    let all = waiting["status"]["desiredNumberScheduled"].clone();
    server
        .until_at(LOG, "one new pod", |set| {
            updated(set) == 1 && set["status"]["numberAvailable"] == all
        })
        .await;
}

pub async fn an_earlier_daemon_gets_its_revision_back(server: Server) {
    start(&server, |_| {}).await;
    rolled_out(&server).await;
    let first = server.revisions_of("log").await.remove(0).metadata.name;
    for version in ["2.0", "1.0"] {
        patch(
            &server,
            image(&format!("registry.example.com/web:{version}")),
        )
        .await;
        rolled_out(&server).await;
    }
    let revisions = server.revisions_of("log").await;
    let numbers: Vec<_> = revisions.iter().map(|known| known.revision).collect();
    assert_eq!(numbers, [2, 3]);
    assert_eq!(revisions[1].metadata.name, first);
}

pub async fn a_bad_daemon_set_is_refused(server: Server) {
    start(&server, |_| {}).await;
    let rolling = |rolling: Value| json!({ "updateStrategy": { "rollingUpdate": rolling } });
    for (spec, what) in [
        (
            rolling(json!({ "maxUnavailable": 0 })),
            "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0",
        ),
        (
            rolling(json!({ "maxUnavailable": -1 })),
            "spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            rolling(json!({ "maxUnavailable": "101%" })),
            "spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%",
        ),
        (
            rolling(json!({ "maxSurge": 1 })),
            "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero",
        ),
        (
            json!({ "updateStrategy": { "type": "Nope" } }),
            "spec.updateStrategy: Unsupported value: {\"Type\":\"Nope\",\"RollingUpdate\":{\"MaxUnavailable\":1,\"MaxSurge\":0}}: supported values: \"RollingUpdate\", \"OnDelete\"",
        ),
        (
            json!({ "minReadySeconds": -1 }),
            "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            json!({ "selector": { "matchLabels": { "a": "b" } }, "template": { "metadata": { "labels": { "a": "b" } } } }),
            "spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\",\"app\":\"log\"}}: field is immutable",
        ),
    ] {
        let (code, status) = server.patch_at(LOG, &json!({ "spec": spec })).await;
        assert_eq!(code, 422, "{status}");
        let message = format!("DaemonSet.apps \"log\" is invalid: {what}");
        assert_eq!(status["message"], message);
    }
}

pub async fn a_template_has_a_generation_of_its_own(server: Server) {
    const ANNOTATION: &str = "deprecated.daemonset.template.generation";
    let created = start(&server, |set| {
        set["spec"]["template"]["spec"]["nodeSelector"] = json!({ "absent": "yes" });
    })
    .await;
    assert_eq!(created["metadata"]["annotations"][ANNOTATION], "1");
    let settled = patch(&server, json!({ "spec": { "minReadySeconds": 1 } })).await;
    let meta = &settled["metadata"];
    assert_eq!(
        (&meta["generation"], &meta["annotations"][ANNOTATION]),
        (&2.into(), &"1".into())
    );
    let forged = json!({ "metadata": { "annotations": { ANNOTATION: "7", "new": "note" } } });
    let annotated = patch(&server, forged).await;
    let meta = &annotated["metadata"];
    assert_eq!(
        (&meta["generation"], &meta["annotations"][ANNOTATION]),
        (&2.into(), &"1".into())
    );
    let changed = patch(&server, image("registry.example.com/web:2.0")).await;
    let meta = &changed["metadata"];
    assert_eq!(
        (&meta["generation"], &meta["annotations"][ANNOTATION]),
        (&3.into(), &"2".into())
    );
    let done = server
        .until_at(LOG, "an observed template", |set| {
            set["status"]["observedGeneration"] == 3
        })
        .await;
    assert_eq!(
        done["status"]["desiredNumberScheduled"], 0,
        "no node has that label"
    );
}
