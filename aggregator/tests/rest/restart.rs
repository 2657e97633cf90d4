use axum::http::StatusCode;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::stack::Stack;

fn body(namespace: &str, name: &str) -> Value {
    json!({"cluster": "cluster-a", "namespace": namespace, "deployment_name": name})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_followed_to_its_end_and_stands_in_the_audit() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let pods = format!("/workloads/cluster-a/{namespace}/Deployment/{name}/pods");
    let before = stack.service.get(&pods, &token).await.body["items"].clone();

    let restarted = stack
        .service
        .post("/restart", &token, &body(&namespace, &name))
        .await;
    assert_eq!(restarted.status, StatusCode::OK, "{restarted:?}");
    assert_eq!(restarted.body["outcome"], "succeeded");

    let path = format!("/workloads/cluster-a/{namespace}/Deployment/{name}/rollout/watch");
    let stream = stack.service.open(&path, &token).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let text = stream.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&text);
    let last = text.trim_end().lines().last().unwrap_or_default();
    assert!(last.contains(r#""state":"complete""#), "{text}");
    assert!(text.contains(r#""state":"progressing""#), "{text}");

    // The last of the old ones may still be terminating.
    let replaced = async || {
        let after = stack.service.get(&pods, &token).await.body["items"].clone();
        let was_there = |pod: &Value| {
            let mut before = before.as_array().expect("pods").iter();
            before.any(|old| old["pod"] == pod["pod"])
        };
        (!after.as_array()?.iter().any(was_there)).then_some(())
    };
    stack.service.until("all are replaced", replaced).await;

    let audit = stack.service.get("/audit?verb=restart", &token).await;
    let items = audit.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "one operation is one line: {audit:?}");
    assert_eq!(items[0]["operation_id"], restarted.body["operation_id"]);
    assert_eq!(items[0]["outcome"], "succeeded");
    assert_eq!(items[0]["user"], "admin");
    let activity = json!({"cluster": "cluster-a", "namespace": namespace});
    let activity = stack.service.post("/log", &token, &activity).await;
    assert_eq!(activity.body["items"], audit.body["items"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_has_changed_too_much_restarts_nothing_and_leaves_no_line() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let (order, limit) = (body(&namespace, &name), &stack.service.app.change_limit);
    let changes = async {
        loop {
            while limit.count("admin").is_ok() {}
            tokio::task::yield_now().await;
        }
    };
    let refused = tokio::select! {
        biased;
        () = changes => unreachable!("it goes on"),
        refused = stack.service.post("/restart", &token, &order) => refused,
    };
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{refused:?}");
    let audit = stack.service.get("/audit?verb=restart", &token).await;
    assert_eq!(audit.body["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_restarts_nothing() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let refused = stack
        .service
        .post("/restart", &token, &body(&namespace, &name))
        .await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::FORBIDDEN, "forbidden")
    );
    let admin = stack.service.token("admin").await;
    let rollout = format!("/workloads/cluster-a/{namespace}/Deployment/{name}/rollout");
    let rollout = stack.service.get(&rollout, &admin).await;
    assert_eq!(rollout.body["restarted_at"], Value::Null, "{rollout:?}");
}

/// Each restart's time is later than the previous one's, so a refused restart that used up a time would move the next one ahead.
#[tokio::test(flavor = "multi_thread")]
async fn refused_restarts_do_not_move_the_time_of_the_next_one() {
    let stack = Stack::start(1).await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let viewer = stack.service.token("viewer").await;
    for _ in 0..100 {
        let refused = stack
            .service
            .post("/restart", &viewer, &body(&namespace, &name))
            .await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    }
    let admin = stack.service.token("admin").await;
    let done = stack
        .service
        .post("/restart", &admin, &body(&namespace, &name))
        .await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    let time: Timestamp = done.body["restarted_at"].as_str().unwrap().parse().unwrap();
    assert!(time <= Timestamp::now(), "{time} is ahead");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_cluster_keep_their_names() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let (namespace, _) = stack.healthy("cluster-a").await;
    let missing = stack
        .service
        .post("/restart", &token, &body(&namespace, "my.app"))
        .await;
    assert_eq!(
        (missing.status, missing.code()),
        (StatusCode::NOT_FOUND, "not_found")
    );
    assert!(missing.body["operation_id"].is_string(), "{missing:?}");
    let audit = stack.service.get("/audit?verb=restart", &token).await;
    assert_eq!(audit.body["items"][0]["outcome"], "failed");

    let without = json!({"cluster": "cluster-a", "namespace": namespace});
    let refused = stack.service.post("/pause", &token, &without).await;
    assert_eq!(refused.code(), "invalid_request");
    assert_eq!(refused.body["field"], "deployment_name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_is_named_by_kind_and_name_or_by_the_name_of_a_deployment_and_not_by_both() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let whole =
        json!({"cluster": "cluster-a", "namespace": namespace, "kind": "Deployment", "name": name});
    let done = stack.service.post("/restart", &token, &whole).await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    assert_eq!(done.body["deployment_name"], json!(name));
    for fields in [
        json!({"kind": "Deployment"}),
        json!({"name": name}),
        json!({"kind": "Deployment", "name": name, "deployment_name": name}),
        json!({"name": name, "deployment_name": name}),
    ] {
        let mut body = json!({"cluster": "cluster-a", "namespace": namespace});
        let named = fields.as_object().expect("fields").clone();
        body.as_object_mut().expect("a body").extend(named);
        let refused = stack.service.post("/restart", &token, &body).await;
        assert_eq!(refused.code(), "invalid_request", "{body}: {refused:?}");
        let detail = refused.body["detail"].as_str().expect("a detail");
        assert!(detail.contains("`kind` and `name`"), "{body}: {detail}");
    }
}
