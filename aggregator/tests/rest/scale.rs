//! `POST /scale`.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::service::Answer;
use crate::stack::Stack;

/// A body with these parameters.
fn body((namespace, name): &(String, String), parameters: &Value) -> Value {
    let mut body =
        json!({ "cluster": "cluster-a", "namespace": namespace, "deployment_name": name });
    for (parameter, value) in parameters.as_object().expect("an object") {
        body[parameter] = value.clone();
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_scaled_and_a_precondition_that_does_not_hold_is_a_conflict() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let workload = stack.healthy("cluster-a").await;
    let path = format!(
        "/workloads/cluster-a/{}/Deployment/{}",
        workload.0, workload.1
    );
    let present = stack.service.get(&path, &token).await.body["replicas"]
        .as_u64()
        .expect("a number");
    let scale = async |parameters: Value| {
        let body = body(&workload, &parameters);
        stack.service.post("/scale", &token, &body).await
    };

    let refused = scale(json!({ "replicas": 1, "current_replicas": present + 1 })).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::CONFLICT, "replicas_changed")
    );
    assert_eq!(refused.body["field"], "current_replicas");
    let detail = refused.body["detail"].as_str().expect("a detail");
    let rule = format!("expected {} replicas, but there", present + 1);
    assert!(detail.contains(&rule), "{detail}");
    let unchanged = stack.service.get(&path, &token).await;
    assert_eq!(unchanged.body["replicas"], json!(present));

    let wanted = present + 2;
    let reason = "Black Friday: \"twice\" as many, see OPS-7";
    let done = scale(json!({
        "replicas": wanted, "current_replicas": present, "reason": reason,
    }))
    .await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    assert_eq!(
        (&done.body["outcome"], &done.body["replicas"]),
        (&json!("succeeded"), &json!(wanted))
    );
    let scaled = async || {
        let rollout = stack.service.get(&format!("{path}/rollout"), &token).await;
        (rollout.body["state"] == "complete" && rollout.body["available"] == json!(wanted))
            .then_some(())
    };
    stack.service.until("its pods are available", scaled).await;

    let audit = stack.service.get("/audit?verb=scale", &token).await;
    let items = audit.body["items"].as_array().expect("items");
    let outcomes: Vec<_> = items.iter().map(|item| &item["outcome"]).collect();
    assert_eq!(outcomes, ["succeeded", "failed"]);
    assert_eq!(items[0]["operation_id"], done.body["operation_id"]);
    let reasons: Vec<_> = items.iter().map(|item| &item["reason"]).collect();
    assert_eq!(reasons, [&json!(reason), &Value::Null]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_replicas_that_is_none_is_refused_with_its_field_and_the_rule() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let workload = stack.healthy("cluster-a").await;
    let desired = "expected a whole number of replicas from 0 to 100000";
    let present = "expected a whole number of replicas from 0 to 2147483647";
    for (parameters, field, rule) in [
        (json!({}), "replicas", "missing"),
        (json!({ "replicas": -1 }), "replicas", desired),
        (json!({ "replicas": 100_001 }), "replicas", desired),
        (json!({ "replicas": 1e30 }), "replicas", desired),
        (json!({ "replicas": 2.5 }), "replicas", desired),
        (json!({ "replicas": "3" }), "replicas", desired),
        (json!({ "replicas": null }), "replicas", desired),
        (
            json!({ "replicas": 3, "current_replicas": -1 }),
            "current_replicas",
            present,
        ),
        (
            json!({ "replicas": 3, "current_replicas": 2_147_483_648_u32 }),
            "current_replicas",
            present,
        ),
        (json!({ "replicas": 3, "force": true }), "force", "unknown"),
    ] {
        let body = body(&workload, &parameters);
        let answer: Answer = stack.service.post("/scale", &token, &body).await;
        assert!(
            answer.status.is_client_error(),
            "{parameters}: {}",
            answer.status
        );
        assert_eq!(answer.code(), "invalid_request", "{parameters}");
        assert_eq!(answer.body["field"], field, "{parameters}");
        let detail = answer.body["detail"].as_str().expect("a detail");
        assert!(detail.contains(rule), "{parameters}: {detail}");
    }
    let audit = stack.service.get("/audit?verb=scale", &token).await;
    assert_eq!(audit.body["items"], json!([]), "nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarter_scales_nothing() {
    let stack = Stack::start(2).await;
    let token = stack.service.token("restarter-b").await;
    let workload = stack.healthy("cluster-b").await;
    let body = body(&workload, &json!({ "cluster": "cluster-b", "replicas": 3 }));
    let refused = stack.service.post("/scale", &token, &body).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::FORBIDDEN, "forbidden")
    );
}
