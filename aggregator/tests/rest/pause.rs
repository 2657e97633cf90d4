//! Pausing and resuming a rollout on request.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::stack::{RunningAgent, Stack};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_the_cluster_is_not_enrolled_for_is_refused_and_the_cluster_says_which_are() {
    let mut stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let workload = stack.healthy("cluster-a").await;
    let config = agent::Config {
        verbs: "restart".parse().unwrap(),
        ..stack.config("cluster-a", "cluster-a", &stack.nats.url())
    };
    stack.agents.remove(0).stop().await;
    stack.agents.push(RunningAgent::start(config));
    let allowed = async || {
        let clusters = stack.service.get("/clusters", &token).await;
        let cluster = &clusters.body["items"][0];
        (cluster["presence"] == "online" && cluster["allowed_verbs"] == json!(["restart"]))
            .then_some(())
    };
    stack.service.until("the cluster says so", allowed).await;
    let refused = stack.service.post("/pause", &token, &body(&workload)).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::FORBIDDEN, "verb_not_enabled")
    );
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("MCA_VERBS"), "{detail}");
    let restarted = stack
        .service
        .post("/restart", &token, &body(&workload))
        .await;
    assert_eq!(restarted.status, StatusCode::OK, "{restarted:?}");
}
