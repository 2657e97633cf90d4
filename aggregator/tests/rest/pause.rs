//! Pausing and resuming a rollout on request.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::stack::Stack;

fn body((namespace, name): &(String, String)) -> Value {
    json!({"cluster": "cluster-a", "namespace": namespace, "deployment_name": name})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_was_paused_is_shown_so_and_is_restarted_once_it_is_resumed() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let workload = stack.healthy("cluster-a").await;
    let done = stack.service.post("/pause", &token, &body(&workload)).await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    assert_eq!(
        (&done.body["outcome"], &done.body["paused"]),
        (&json!("succeeded"), &json!(true))
    );

    let list = format!("/deployments/cluster-a/{}", workload.0);
    let shown = async || {
        let list = stack.service.get(&list, &token).await;
        let mut items = list.body["items"].as_array()?.iter();
        let item = items.find(|item| item["deployment_name"] == json!(workload.1))?;
        (item["paused"] == json!(true)).then_some(())
    };
    stack.service.until("it is shown as paused", shown).await;
    let refused = stack
        .service
        .post("/restart", &token, &body(&workload))
        .await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::CONFLICT, "paused")
    );

    let resumed = stack
        .service
        .post("/resume", &token, &body(&workload))
        .await;
    assert_eq!(resumed.status, StatusCode::OK, "{resumed:?}");
    assert_eq!(resumed.body["paused"], json!(false));
    let restarted = stack
        .service
        .post("/restart", &token, &body(&workload))
        .await;
    assert_eq!(restarted.status, StatusCode::OK, "{restarted:?}");

    let audit = stack.service.get("/audit?verb=pause", &token).await;
    assert_eq!(
        audit.body["items"][0]["operation_id"],
        done.body["operation_id"]
    );
    assert_eq!(audit.body["items"][0]["outcome"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_pauses_and_resumes_nothing() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let workload = stack.healthy("cluster-a").await;
    for path in ["/pause", "/resume"] {
        let refused = stack.service.post(path, &token, &body(&workload)).await;
        assert_eq!(
            (refused.status, refused.code()),
            (StatusCode::FORBIDDEN, "forbidden"),
            "{path}"
        );
    }
}
