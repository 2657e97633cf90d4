use std::time::Duration;

use futures::{AsyncBufReadExt as _, Stream, StreamExt as _, pin_mut};
use kube::api::{DeleteParams, ListParams, WatchParams};
use serde_json::{Value, json};

use crate::server::Server;

/// The raw lines of a watch, as JSON.
async fn watch(server: &Server, query: &str) -> impl Stream<Item = Value> + use<> {
    let path = server.path(&format!("?watch=true&{query}"));
    let request = http::Request::get(path).body(Vec::new()).unwrap();
    let lines = server.client.request_stream(request).await.unwrap().lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap())
}

async fn next(lines: &mut (impl Stream<Item = Value> + Unpin)) -> (String, Value) {
    let line = tokio::time::timeout(Duration::from_secs(30), lines.next()).await;
    let line = line.expect("a line in time").expect("the watch goes on");
    (
        line["type"].as_str().unwrap().to_owned(),
        line["object"].clone(),
    )
}

async fn version(server: &Server) -> String {
    let list = server
        .deployments()
        .list(&ListParams::default())
        .await
        .unwrap();
    list.metadata.resource_version.unwrap()
}

pub async fn a_watch_goes_on_where_a_list_ended(server: Server) {
    server.deploy("before", 0, |_| {}).await;
    server
        .until("before", "an observed deployment", |d| {
            d.status
                .as_ref()
                .is_some_and(|s| s.observed_generation == Some(1))
        })
        .await;
    let from = version(&server).await;
    server.deploy("web", 0, |_| {}).await;
    server
        .patch(
            "web",
            json!({ "metadata": { "labels": { "new": "label" } } }),
        )
        .await;
    let lines = watch(&server, &format!("resourceVersion={from}")).await;
    pin_mut!(lines);
    let (what, added) = next(&mut lines).await;
    assert_eq!(
        (what.as_str(), &added["metadata"]["name"]),
        ("ADDED", &"web".into())
    );
    assert_eq!(added["kind"], "Deployment");
    let mut latest = added["metadata"]["resourceVersion"].clone();
    loop {
        let (what, object) = next(&mut lines).await;
        assert_eq!(what, "MODIFIED");
        assert_ne!(object["metadata"]["resourceVersion"], latest);
        latest = object["metadata"]["resourceVersion"].clone();
        if object["metadata"]["labels"]["new"] == "label" {
            break;
        }
    }
    server
        .deployments()
        .delete("web", &DeleteParams::default())
        .await
        .unwrap();
    loop {
        let (what, object) = next(&mut lines).await;
        if what == "DELETED" {
            assert_ne!(object["metadata"]["resourceVersion"], latest);
            break;
        }
    }
}

pub async fn what_leaves_a_selection_is_deleted(server: Server) {
    server
        .deploy("web", 0, |body| {
            body["metadata"]["labels"] = json!({ "tier": "front" })
        })
        .await;
    let from = version(&server).await;
    let query = format!("resourceVersion={from}&labelSelector=tier%3Dfront");
    let lines = watch(&server, &query).await;
    pin_mut!(lines);
    server
        .patch(
            "web",
            json!({ "metadata": { "labels": { "tier": "back" } } }),
        )
        .await;
    let gone = loop {
        let (what, object) = next(&mut lines).await;
        if what != "MODIFIED" {
            break (what, object);
        }
    };
    assert_eq!(gone.0, "DELETED");
    // In its last matching state, with the version of the change that removed it from the selection.
    assert_eq!(gone.1["metadata"]["labels"]["tier"], "front");
    server
        .patch(
            "web",
            json!({ "metadata": { "labels": { "tier": "front" } } }),
        )
        .await;
    assert_eq!(next(&mut lines).await.0, "ADDED");
}

pub async fn initial_events_end_with_a_bookmark(server: Server) {
    server.deploy("web", 0, |_| {}).await;
    let query = "sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan";
    let lines = watch(&server, query).await;
    pin_mut!(lines);
    assert_eq!(next(&mut lines).await.0, "ADDED");
    let bookmark = loop {
        let (what, object) = next(&mut lines).await;
        if what == "BOOKMARK" {
            break object;
        }
    };
    let annotations = &bookmark["metadata"]["annotations"];
    assert_eq!(annotations["k8s.io/initial-events-end"], "true");
    assert_eq!(bookmark["kind"], "Deployment");
    assert!(bookmark["metadata"]["resourceVersion"].is_string());
}

pub async fn initial_events_need_to_be_recent_enough(server: Server) {
    for query in [
        "?watch=true&sendInitialEvents=true&allowWatchBookmarks=true",
        "?watch=true&resourceVersionMatch=NotOlderThan&resourceVersion=1",
    ] {
        let (code, body) = server.get(&server.path(query)).await;
        assert_eq!(
            (code, body["reason"].as_str()),
            (422, Some("Invalid")),
            "{query}: {body}"
        );
    }
}

pub async fn a_watch_ends_after_its_timeout(server: Server) {
    let params = WatchParams::default().timeout(1);
    let from = version(&server).await;
    let stream = server.deployments().watch(&params, &from).await.unwrap();
    let all = tokio::time::timeout(Duration::from_secs(30), stream.collect::<Vec<_>>()).await;
    assert!(all.unwrap().iter().all(Result::is_ok));
}
