//! StatefulSets and DaemonSets in the whole fleet.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::fleet::items;
use crate::service::Answer;
use crate::stack::Stack;

const NAMESPACE: &str = "pay";

/// Creates a StatefulSet or a DaemonSet in a simulated cluster.
async fn create(stack: &Stack, cluster: &str, kind: &str, plural: &str, name: &str) {
    let labels = json!({"app": name});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "db:1"}]}});
    let object = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": template}});
    let request = Request::post(format!("/apis/apps/v1/namespaces/{NAMESPACE}/{plural}"))
        .header("content-type", "application/json")
        .body(Body::from(object.to_string()))
        .expect("a request");
    let router = stack.sim.cluster(cluster).router();
    let answer = router.oneshot(request).await.expect("an answer");
    assert!(answer.status().is_success(), "{answer:?}");
}

/// A fleet with a StatefulSet `db` in two clusters and a DaemonSet `log` in one, all healthy.
async fn with_kinds() -> (Stack, String) {
    let stack = Stack::start(2).await;
    let token = stack.service.token("admin").await;
    create(&stack, "cluster-a", "StatefulSet", "statefulsets", "db").await;
    create(&stack, "cluster-b", "StatefulSet", "statefulsets", "db").await;
    create(&stack, "cluster-b", "DaemonSet", "daemonsets", "log").await;
    let healthy = async || {
        let path = "/workloads?kind=StatefulSet,DaemonSet&health=healthy";
        let page = stack.service.get(path, &token).await;
        (page.body["totals"]["workloads"] == 3).then_some(())
    };
    stack.service.until("all are healthy", healthy).await;
    (stack, token)
}

fn named(page: &Answer) -> Vec<String> {
    let text = |item: &Value, field: &str| item[field].as_str().expect("a text").to_owned();
    let of = |item| {
        ["cluster", "kind", "name"]
            .map(|field| text(item, field))
            .join("/")
    };
    items(page).iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_is_listed_filtered_grouped_and_counted() {
    let (stack, token) = with_kinds().await;
    let get = async |path: &str| stack.service.get(path, &token).await;
    let sets = get("/workloads?kind=StatefulSet").await;
    let both = ["cluster-a/StatefulSet/db", "cluster-b/StatefulSet/db"];
    assert_eq!(named(&sets), both);
    assert_eq!(items(&sets)[0]["deployment_name"], Value::Null);
    let all = get("/workloads").await;
    let deployments = get("/deployments").await;
    assert_eq!(items(&all).len(), items(&deployments).len() + 3);
    let only = get("/workloads?kind=Deployment").await;
    assert_eq!(named(&only), named(&deployments));

    // Pages neither lose nor repeat any.
    let (mut paged, mut next) = (Vec::new(), String::new());
    loop {
        let page = get(&format!("/workloads?limit=3{next}")).await;
        paged.extend(named(&page));
        match page.body["continue"].as_str() {
            Some(cursor) => next = format!("&continue={cursor}"),
            None => break,
        }
    }
    assert_eq!(paged, named(&all));

    let groups = get("/workload-groups?kind=StatefulSet,DaemonSet&sort=name").await;
    let group = |group: &Value| {
        let (kind, name) = (&group["kind"], &group["name"]);
        (
            kind.to_string(),
            name.to_string(),
            group["clusters"].as_u64().unwrap(),
        )
    };
    let groups: Vec<_> = items(&groups).iter().map(group).collect();
    let expected = |kind: &str, name: &str, clusters| {
        (json!(kind).to_string(), json!(name).to_string(), clusters)
    };
    assert_eq!(
        groups,
        [
            expected("StatefulSet", "db", 2),
            expected("DaemonSet", "log", 1)
        ]
    );

    let of_namespace = get(&format!("/workloads/cluster-b/{NAMESPACE}?kind=DaemonSet")).await;
    assert_eq!(items(&of_namespace)[0]["name"], "log");
    let namespaces = get("/namespaces/cluster-b").await;
    let namespace = items(&namespaces)
        .iter()
        .find(|it| it["namespace"] == NAMESPACE);
    let namespace = namespace.expect("the namespace");
    assert_eq!(
        (&namespace["stateful_sets"], &namespace["daemon_sets"]),
        (&json!(1), &json!(1))
    );
    let counted = async || {
        let clusters = get("/clusters").await;
        let counts = items(&clusters)[1]["counts"].clone();
        (counts["stateful_sets"] == 1 && counts["daemon_sets"] == 1).then_some(())
    };
    stack
        .service
        .until("a heartbeat counts them", counted)
        .await;

    for (path, words) in [
        ("/workloads?kind=Pod", "StatefulSet"),
        ("/workloads?kind=", "StatefulSet"),
        ("/deployments?kind=Deployment", "/workloads"),
        ("/deployments/cluster-a/pay?kind=Deployment", "/workloads"),
        ("/workloads/cluster-a/pay?kind=deployment", "StatefulSet"),
    ] {
        let refused = get(path).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(refused.body["field"], "kind", "{path}");
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{path}: {detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_of_each_kind_is_audited_and_what_its_kind_has_not_is_refused() {
    let (stack, token) = with_kinds().await;
    let body = |kind: &str, name: &str| json!({"cluster": "cluster-b", "namespace": NAMESPACE, "kind": kind, "name": name});
    for (kind, name) in [("StatefulSet", "db"), ("DaemonSet", "log")] {
        let done = stack
            .service
            .post("/restart", &token, &body(kind, name))
            .await;
        assert_eq!(done.status, StatusCode::OK, "{done:?}");
        assert_eq!(
            (&done.body["kind"], &done.body["name"]),
            (&json!(kind), &json!(name))
        );
        let audit = format!("/audit?verb=restart&kind={kind}&name={name}");
        let lines = stack.service.get(&audit, &token).await;
        assert_eq!(items(&lines).len(), 1, "{lines:?}");
        assert_eq!(items(&lines)[0]["target"]["kind"], kind);
        let path = format!("/workloads/cluster-b/{NAMESPACE}/{kind}/{name}");
        for part in ["", "/rollout", "/pods", "/events"] {
            let read = stack.service.get(&format!("{path}{part}"), &token).await;
            assert_eq!(read.status, StatusCode::OK, "{part}: {read:?}");
        }
        let log = stack.service.post("/log", &token, &body(kind, name)).await;
        assert!(log.body["lines"].is_array(), "{log:?}");
        let refused = stack
            .service
            .post("/pause", &token, &body(kind, name))
            .await;
        assert_eq!(
            (refused.code(), &refused.body["field"]),
            ("invalid_request", &json!("kind"))
        );
    }
    let mut scale = body("DaemonSet", "log");
    scale["replicas"] = json!(3);
    let refused = stack.service.post("/scale", &token, &scale).await;
    assert_eq!(
        (refused.code(), &refused.body["field"]),
        ("invalid_request", &json!("kind"))
    );
    let others = stack
        .service
        .get("/audit?verb=restart&kind=Deployment", &token)
        .await;
    assert_eq!(items(&others).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_changes_all_kinds_and_leaves_out_those_that_have_no_such_change() {
    let (stack, token) = with_kinds().await;
    let spec = |action: &str, kinds: Value| json!({"action": action, "dry_run": true, "targets": {"namespaces": [NAMESPACE], "kinds": kinds}});
    let all = spec("restart", json!([]));
    let all = stack.service.post("/runs", &token, &all).await;
    let deployments = spec("restart", json!(["Deployment"]));
    let deployments = stack.service.post("/runs", &token, &deployments).await;
    let targets = |preview: &Answer| preview.body["targets"].as_u64().expect("a number");
    assert_eq!(targets(&all), targets(&deployments) + 3, "{all:?}");
    let paused = spec("pause", json!(["Deployment", "StatefulSet"]));
    let paused = stack.service.post("/runs", &token, &paused).await;
    assert_eq!(targets(&paused), targets(&deployments), "{paused:?}");
    let reasons = paused.body["skipped"].to_string();
    let reason = "pause is not possible for a StatefulSet";
    assert!(reasons.contains(reason), "{reasons}");
}
