use axum::body::Body;
use axum::http::{Response, StatusCode};
use futures::StreamExt as _;
use serde_json::Value;

use crate::stack::{PATIENCE, Stack};

/// Reads events until one satisfies `wanted`; its data.
async fn event(
    body: &mut axum::body::BodyDataStream,
    name: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    let mut text = String::new();
    let reading = async {
        while let Some(chunk) = body.next().await {
            text += &String::from_utf8_lossy(&chunk.expect("the stream goes on"));
            for event in text.split("\n\n") {
                let mut lines = event.lines();
                let named = lines.next() == Some(&format!("event: {name}"));
                let data = lines.next().and_then(|line| line.strip_prefix("data: "));
                let data = data.and_then(|data| serde_json::from_str::<Value>(data).ok());
                if let Some(data) = data.filter(|data| named && wanted(data)) {
                    return Some(data);
                }
            }
        }
        None
    };
    let found = tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("the event comes in time");
    found.unwrap_or_else(|| panic!("the stream ended without the event {name}"))
}

fn stream(response: Response<Body>) -> axum::body::BodyDataStream {
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body().into_data_stream()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_line_by_line() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let path = format!("/logs/cluster-a/{namespace}/{name}/watch?tail=1");
    let mut events = stream(stack.service.open(&path, &token).await);
    let chunk = event(&mut events, "lines", |chunk| {
        !chunk["lines"].as_array().unwrap().is_empty()
    })
    .await;
    assert!(
        chunk["lines"][0]["pod"]
            .as_str()
            .unwrap()
            .starts_with(&name),
        "{chunk}"
    );
    event(&mut events, "lines", |later| {
        later["sequence"].as_u64() > chunk["sequence"].as_u64().map(|n| n + 2)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_log_says_that_its_agent_has_left() {
    let mut stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let path = format!("/logs/cluster-a/{namespace}/{name}/watch?tail=1");
    let mut events = stream(stack.service.open(&path, &token).await);
    event(&mut events, "lines", |_| true).await;
    stack.agents.remove(0).stop().await;
    let end = event(&mut events, "end", |_| true).await;
    assert_eq!(end, "leaving");
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_what_is_being_followed() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let path = format!("/logs/cluster-a/{namespace}/{name}/watch");
    let mut events = stream(stack.service.open(&path, &token).await);
    event(&mut events, "lines", |_| true).await;
    let out = stack.service.post_text("/logout", &token, "").await;
    assert_eq!(out.status, StatusCode::NO_CONTENT, "{out:?}");
    let problem = event(&mut events, "problem", |_| true).await;
    assert_eq!(problem["code"], "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_what_is_not_there_is_an_ordinary_problem() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let answer = stack
        .service
        .get("/logs/cluster-a/default/missing/watch", &token)
        .await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::NOT_FOUND, "not_found")
    );
}
