//! Labels of clusters: set at enrolment, changed later, selected by, granted by, and forgotten.

use axum::http::{Method, StatusCode};
use futures::StreamExt as _;
use identity::password::{Password, hash};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::joining::open;
use crate::service::{Answer, PASSWORD, PATIENCE, Service};
use crate::stack::Stack;
use crate::watcher::Watcher;

mod grants;

/// Changes a cluster's labels as the administrator.
async fn label(stack: &Stack, cluster: &str, labels: Value) -> Answer {
    let token = stack.service.token("admin").await;
    let body = json!({"labels": labels});
    let path = format!("/clusters/{cluster}");
    let answer = stack.service.patch(&path, &token, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer
}

/// The labels of a cluster in the list.
async fn labels(service: &Service, cluster: &str, token: &str) -> Option<Value> {
    let list = service.get("/clusters", token).await;
    let items = list.body["items"].as_array().expect("a list");
    let found = items.iter().find(|item| item["cluster"] == cluster)?;
    Some(found["labels"].clone())
}

/// The clusters that a query of deployments covered.
async fn clusters_of(service: &Service, query: &str, token: &str) -> Vec<String> {
    let page = service.get(&format!("/deployments?{query}"), token).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    let rows = page.body["clusters"].as_array().expect("rows");
    let names = |list: &[Value]| -> Vec<String> {
        let name = |row: &Value| row["cluster"].as_str().expect("a name").to_owned();
        list.iter().map(name).collect()
    };
    let rows = names(rows);
    let items = names(page.body["items"].as_array().expect("items"));
    assert!(items.iter().all(|name| rows.contains(name)), "{page:?}");
    let counted: usize = page.body["answers"]
        .as_object()
        .expect("counts")
        .values()
        .map(|count| usize::try_from(count.as_u64().expect("a number")).expect("few"))
        .sum();
    assert_eq!(counted, rows.len(), "{page:?}");
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_are_changed_by_a_merge_patch_and_heartbeats_leave_them() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    assert_eq!(
        labels(&stack.service, "cluster-a", &token).await,
        Some(json!({}))
    );
    let first = json!({"env": "dev", "old": "1", "example.com/team": "x"});
    label(&stack, "cluster-a", first).await;
    let changed = label(&stack, "cluster-a", json!({"env": "prod", "old": null})).await;
    let expected = json!({"env": "prod", "example.com/team": "x"});
    assert_eq!(changed.body["labels"], expected);
    // At once, and after the record of the cluster was rewritten.
    assert_eq!(
        labels(&stack.service, "cluster-a", &token).await,
        Some(expected.clone())
    );
    let second = stack.agent("cluster-a", "cluster-a", &stack.nats.url());
    stack
        .service
        .until("a second agent is online", async || {
            let list = stack.service.get("/clusters", &token).await;
            (list.body["items"][0]["agents"] == 2).then_some(())
        })
        .await;
    assert_eq!(
        labels(&stack.service, "cluster-a", &token).await,
        Some(expected)
    );
    second.stop().await;
    let audit = "/audit?cluster=cluster-a&verb=label";
    let audit = stack.service.get(audit, &token).await;
    let line = &audit.body["items"][0];
    assert_eq!(
        (&line["outcome"], &line["operation_id"], &line["detail"]),
        (
            &json!("succeeded"),
            &changed.body["operation_id"],
            &json!("env=prod, old removed")
        ),
        "{audit:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_change_of_labels_is_refused_by_its_field() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let many: serde_json::Map<_, _> = (0..33).map(|n| (format!("l{n}"), json!("x"))).collect();
    for (body, field) in [
        (json!({"labels": {"en v": "prod"}}), "labels.en v"),
        (json!({"labels": {"env": "a b"}}), "labels.env"),
        (json!({"labels": {"env": 1}}), "labels.env"),
        (json!({"labels": null}), "labels"),
        (json!({"labels": many}), "labels"),
        (json!({}), "labels"),
        (json!({"labels": {}, "name": "x"}), "name"),
    ] {
        let answer = stack
            .service
            .patch("/clusters/cluster-a", &token, &body)
            .await;
        let shown = format!("{body}: {answer:?}");
        assert_eq!(answer.code(), "invalid_request", "{shown}");
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{shown}");
        assert_eq!(answer.body["field"], field, "{shown}");
    }
    let body = json!({"labels": {"env": "prod"}});
    let unknown = stack.service.patch("/clusters/other", &token, &body).await;
    assert_eq!(
        (unknown.status, unknown.code()),
        (StatusCode::NOT_FOUND, "cluster_unknown")
    );
    let viewer = stack.service.token("viewer").await;
    let path = "/clusters/cluster-a";
    let forbidden = stack.service.patch(path, &viewer, &body).await;
    assert_eq!(
        (forbidden.status, forbidden.code()),
        (StatusCode::FORBIDDEN, "forbidden")
    );
    let blind = stack.service.token("nobody").await;
    let unseen = stack.service.patch(path, &blind, &body).await;
    assert_eq!(unseen.code(), "cluster_unknown");
    assert_eq!(
        labels(&stack.service, "cluster-a", &token).await,
        Some(json!({}))
    );
}

/// The list of clusters takes the same selector.
async fn listed_by_label(service: &Service, token: &str) {
    let list = async |query: &str| service.get(&format!("/clusters?{query}"), token).await;
    for (selector, expected) in [
        ("env%3Dprod", &["cluster-a"][..]),
        ("env", &["cluster-a", "cluster-b"]),
        ("env%20notin%20(prod),env", &["cluster-b"]),
        ("", &["cluster-a", "cluster-b", "cluster-c"]),
    ] {
        let found = list(&format!("clusterLabelSelector={selector}")).await;
        let items = found.body["items"].as_array().expect("a list");
        let names: Vec<_> = items.iter().map(|item| &item["cluster"]).collect();
        assert_eq!(names, expected, "{selector}");
    }
    for (query, field) in [
        ("clusterLabelSelector=env%20in", "clusterLabelSelector"),
        ("labelSelector=env", "labelSelector"),
    ] {
        let refused = list(query).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(refused.body["field"], field, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_reads_and_counts_only_the_clusters_that_its_selector_selects() {
    let mut stack = Stack::start(3).await;
    let token = stack.service.token("admin").await;
    label(&stack, "cluster-a", json!({"env": "prod", "region": "eu"})).await;
    label(&stack, "cluster-b", json!({"env": "dev"})).await;
    let service = &stack.service;
    let about = async |selector: &str| {
        let selector: String = form_urlencoded::byte_serialize(selector.as_bytes()).collect();
        let query = format!("clusterLabelSelector={selector}");
        clusters_of(service, &query, &token).await.join(" ")
    };
    assert_eq!(about("env=prod").await, "cluster-a");
    assert_eq!(about("env").await, "cluster-a cluster-b");
    assert_eq!(about("env!=prod").await, "cluster-b cluster-c");
    assert_eq!(about("!env").await, "cluster-c");
    assert_eq!(about("env in (prod,dev),region!=eu").await, "cluster-b");
    assert_eq!(about("env=other").await, "");
    assert_eq!(about("").await, "cluster-a cluster-b cluster-c");
    let both = "cluster=*-b&clusterLabelSelector=env";
    assert_eq!(clusters_of(service, both, &token).await, ["cluster-b"]);
    let wrong = service
        .get("/deployments?clusterLabelSelector=env%20in", &token)
        .await;
    assert_eq!(wrong.body["field"], "clusterLabelSelector", "{wrong:?}");
    listed_by_label(service, &token).await;
    // The request names the selected clusters: the others do not respond.
    let mut requests = stack.subscribed("fleet.workloads").await;
    assert_eq!(about("env=prod").await, "cluster-a");
    let request = timeout(PATIENCE, requests.next()).await;
    let request = request.expect("a request in time").expect("a connection");
    let request: Value = serde_json::from_slice(&request.payload).expect("JSON");
    assert_eq!(request["clusters"], json!(["cluster-a"]), "{request}");
    // An offline cluster counts where it is selected, and nowhere else.
    stack.agents.remove(1).stop().await;
    stack.agents.remove(0).stop().await;
    let page = stack
        .service
        .get("/deployments?clusterLabelSelector=env%3Dprod", &token);
    let page = page.await;
    assert_eq!(page.body["answers"]["offline"], 1, "{page:?}");
    assert_eq!(page.body["clusters"][0]["cluster"], "cluster-a");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_some_labels_has_those_clusters_alone_and_says_when_they_are_others() {
    let stack = Stack::start(2).await;
    let token = stack.service.token("admin").await;
    let path = "/watch?clusterLabelSelector=env%3Dprod";
    let mut watcher = Watcher::open(&stack.service, path, &token, None).await;
    watcher.until("reset", |_| true).await;
    label(&stack, "cluster-b", json!({"env": "dev"})).await;
    label(&stack, "cluster-a", json!({"env": "prod"})).await;
    let mut published = Vec::new();
    loop {
        let seen = watcher.next().await;
        let gap = seen.name == "gap";
        published.push(seen);
        if gap {
            break;
        }
    }
    assert!(
        !format!("{published:?}").contains("cluster-b"),
        "{published:?}"
    );
    label(&stack, "cluster-a", json!({"region": "eu"})).await;
    watcher
        .until("cluster", |event| event["labels"]["region"] == "eu")
        .await;
    let wrong = stack
        .service
        .get("/watch?clusterLabelSelector=a%20in", &token);
    assert_eq!(wrong.await.body["field"], "clusterLabelSelector");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_has_its_labels_from_enrolment_on_until_it_is_forgotten() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let body = json!({"labels": {"env": "prod"}});
    let path = "/clusters/cluster-x/enroll";
    let enrolled = stack.service.post(path, &token, &body).await;
    assert_eq!(enrolled.status, StatusCode::OK, "{enrolled:?}");
    let agent = stack.agent("cluster-x", "cluster-a", &stack.nats.url());
    stack.known(&["cluster-x"]).await;
    assert_eq!(
        labels(&stack.service, "cluster-x", &token).await,
        Some(json!({"env": "prod"}))
    );
    // A link's labels are checked when it is used, not before.
    let body = json!({"labels": {"env": "dev", "region": "eu"}});
    let path = "/clusters/cluster-x/invite";
    let invited = stack.service.post(path, &token, &body).await;
    let list = stack.service.get("/invitations", &token).await;
    assert_eq!(list.body["items"][0]["labels"], body["labels"], "{list:?}");
    let url = invited.body["url"].as_str().expect("a link");
    let link = url.strip_prefix("https://fleet.example").expect("ours");
    assert_eq!(
        labels(&stack.service, "cluster-x", &token).await,
        Some(json!({"env": "prod"}))
    );
    let joined = open(&stack, Method::POST, link).await;
    assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
    assert_eq!(
        labels(&stack.service, "cluster-x", &token).await,
        Some(json!({"env": "dev", "region": "eu"}))
    );
    agent.stop().await;
    let gone = stack.service.delete("/clusters/cluster-x", &token).await;
    assert_eq!(gone.status, StatusCode::OK, "{gone:?}");
    assert_eq!(labels(&stack.service, "cluster-x", &token).await, None);
    let _agent = stack.agent("cluster-x", "cluster-a", &stack.nats.url());
    stack.known(&["cluster-x"]).await;
    assert_eq!(
        labels(&stack.service, "cluster-x", &token).await,
        Some(json!({}))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_replica_learns_of_labels_also_one_that_starts_later_and_skips_a_bad_record() {
    let stack = Stack::start(2).await;
    let replica = Service::start(&stack.dir, &stack.nats.url()).await;
    let token = replica.token("admin").await;
    label(&stack, "cluster-a", json!({"env": "prod"})).await;
    let learns = async |replica: &Service, expected: Value| {
        replica
            .until("the replica learns", async || {
                let now = labels(replica, "cluster-a", &token).await;
                (now == Some(expected.clone())).then_some(())
            })
            .await;
    };
    learns(&replica, json!({"env": "prod"})).await;
    label(&stack, "cluster-a", json!({"env": null, "x": "y"})).await;
    learns(&replica, json!({"x": "y"})).await;
    // The record of another cluster is bad.
    let jetstream = async_nats::jetstream::new(stack.admin().await);
    let bucket = jetstream.get_key_value("labels").await.expect("the bucket");
    let bad = bucket.put("cluster-b", "{\"a b\":1}".into()).await;
    bad.expect("it is put");
    let later = Service::start(&stack.dir, &stack.nats.url()).await;
    learns(&later, json!({"x": "y"})).await;
    assert_eq!(labels(&later, "cluster-b", &token).await, Some(json!({})));
    let mended = label(&stack, "cluster-b", json!({"env": "dev"})).await;
    assert_eq!(mended.body["labels"], json!({"env": "dev"}));
}

/// Adds a user to the users file.
fn add_user(stack: &Stack, name: &str, grants: Value) {
    let hash = hash(&Password::from(PASSWORD.to_owned())).expect("a hash");
    stack.edit_users(|users| {
        users[name] = json!({"password_hash": hash.expose(), "grants": grants});
    });
}
