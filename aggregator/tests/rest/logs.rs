use axum::body::Body;
use axum::http::{Response, StatusCode};
use futures::StreamExt as _;
use serde_json::{Value, json};
use xtask::proxy::TcpProxy;

use crate::impostor::Impostor;
use crate::service::{Answer, PATIENCE, Service};
use crate::stack::Stack;

mod slow;

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

/// The answer to a call that must not become a stream.
async fn refused(stack: &Stack, path: &str, token: &str) -> Answer {
    let response = stack.service.open(path, token).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    Answer::read(response).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_line_by_line() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let path = format!("/workloads/cluster-a/{namespace}/Deployment/{name}/log/watch?tail=1");
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
    let path = format!("/workloads/cluster-a/{namespace}/Deployment/{name}/log/watch?tail=1");
    let mut events = stream(stack.service.open(&path, &token).await);
    event(&mut events, "lines", |_| true).await;
    stack.agents.remove(0).stop().await;
    let end = event(&mut events, "end", |_| true).await;
    assert_eq!(end, "leaving");
}

/// Credit that was in flight when the link broke is lost, and is granted again.
#[tokio::test(flavor = "multi_thread")]
async fn a_followed_log_goes_on_when_all_that_was_granted_was_lost_on_the_way() {
    let stack = Stack::start(0).await;
    let proxy = TcpProxy::start(stack.nats.address()).await.unwrap();
    let behind = Service::start(&stack.dir, &format!("nats://{}", proxy.addr())).await;
    let token = behind.token("viewer").await;
    let writer = Impostor::heard(&stack, "writer", &[]).await;
    behind.known(&["writer"], &token).await;
    let (mut logs, mut lists) = (writer.hears("log").await, writer.hears("workloads").await);
    let mut credits = writer.hears("credit.>").await;
    let mut granted = async || {
        let credit = credits.next().await.expect("somebody follows");
        let credit: Value = serde_json::from_slice(&credit.payload).expect("credit");
        usize::try_from(credit["lines"].as_u64().expect("a number")).expect("a small one")
    };
    let reply = json!({"stream": "agent.writer.stream.s", "credit": "cluster.writer.credit.s"});
    let (opened, ()) = tokio::join!(
        behind.open("/workloads/writer/default/Deployment/web/log/watch", &token),
        writer.replies(&mut logs, reply.to_string())
    );
    let mut events = stream(opened);
    let all = granted().await;
    proxy.reset();
    let disconnected = async || (!behind.app.link.is_up()).then_some(());
    behind.until("the link is broken", disconnected).await;
    let line = json!({"pod": "web-1", "container": "web", "text": "x"});
    let lost = json!({"sequence": 1, "lines": vec![&line; all]});
    writer.say("stream.s", lost.to_string()).await;
    // Another aggregator receives a later message: it has been sent.
    stack.known(&["writer"]).await;
    let other = stack.service.token("viewer").await;
    let (behind_it, ()) = tokio::join!(
        stack.service.get("/deployments/writer/default", &other),
        writer.replies(&mut lists, r#"{"items":[]}"#)
    );
    assert_eq!(behind_it.status, StatusCode::OK, "{behind_it:?}");
    proxy.heal();
    let again = async { while granted().await < all {} };
    let again = tokio::time::timeout(PATIENCE, again).await;
    again.expect("it is granted again");
    let next = json!({"sequence": 2, "lines": [&line]});
    writer.say("stream.s", next.to_string()).await;
    let chunk = event(&mut events, "lines", |_| true).await;
    assert_eq!(
        (&chunk["sequence"], &chunk["dropped"]),
        (&json!(2), &json!(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_what_is_being_followed() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let path = format!("/workloads/cluster-a/{namespace}/Deployment/{name}/log/watch");
    let mut events = stream(stack.service.open(&path, &token).await);
    event(&mut events, "lines", |_| true).await;
    let out = stack.service.post_text("/logout", &token, "").await;
    assert_eq!(out.status, StatusCode::NO_CONTENT, "{out:?}");
    let problem = event(&mut events, "problem", |_| true).await;
    assert_eq!(problem["code"], "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_follows_so_many_logs_in_all_sessions_and_leaves_other_users_theirs() {
    let stack = Stack::start(0).await;
    let tokens = [
        stack.service.token("viewer").await,
        stack.service.token("viewer").await,
    ];
    let writer = Impostor::heard(&stack, "writer", &[]).await;
    let _replies = writer.lets_follow().await;
    stack.known(&["writer"]).await;
    let path = "/workloads/writer/default/Deployment/web/log/watch";
    let mut open = Vec::new();
    for (token, logs) in tokens.iter().zip([100, 28]) {
        for _ in 0..logs {
            open.push(stream(stack.service.open(path, token).await));
        }
    }
    for token in &tokens {
        assert_eq!(refused(&stack, path, token).await.code(), "rate_limited");
    }
    let other = stack.service.token("admin").await;
    drop(stream(stack.service.open(path, &other).await));
    open.pop();
    let again = async || {
        let answer = stack.service.open(path, &tokens[0]).await;
        (answer.status() == StatusCode::OK).then_some(())
    };
    stack.service.until("a permit is free", again).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aggregator_follows_so_many_logs() {
    let stack = Stack::start(0).await;
    let writer = Impostor::heard(&stack, "writer", &[]).await;
    let _replies = writer.lets_follow().await;
    stack.known(&["writer"]).await;
    let path = "/workloads/writer/default/Deployment/web/log/watch";
    let mut open = Vec::new();
    // One user cannot take more than its share, and four of them take everything.
    for user in ["viewer", "admin", "pay-default", "default"] {
        let token = stack.service.token(user).await;
        for _ in 0..128 {
            open.push(stream(stack.service.open(path, &token).await));
        }
        assert_eq!(refused(&stack, path, &token).await.code(), "rate_limited");
    }
    let token = stack.service.token("other").await;
    let refused = refused(&stack, path, &token).await;
    assert_eq!(refused.code(), "rate_limited");
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("512"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_what_is_not_there_is_an_ordinary_problem() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let answer = stack
        .service
        .get(
            "/workloads/cluster-a/default/Deployment/missing/log/watch",
            &token,
        )
        .await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::NOT_FOUND, "not_found")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_read_up_to_a_time() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let read = async |more: Value| {
        let mut body =
            json!({"cluster": "cluster-a", "namespace": namespace, "deployment_name": name});
        body.as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        stack.service.post("/log", &token, &body).await
    };
    let times = |answer: &Answer| -> Vec<String> {
        let lines = answer.body["lines"].as_array().expect("lines").iter();
        lines
            .map(|line| line["time"].as_str().expect("a time").to_owned())
            .collect()
    };
    let some = async || {
        let all = times(&read(json!({"since_seconds": 3600})).await);
        (all.first() != all.last()).then_some(all)
    };
    let all = stack.service.until("there are some lines", some).await;
    let end = &all[0];
    let window = read(json!({"since_seconds": 3600, "until": end})).await;
    // Earlier lines count towards `tail`, lines after the end do not.
    let window = times(&window);
    assert_eq!(window.last(), Some(end));
    assert!(!window.contains(all.last().expect("lines")));
    let refused = read(json!({"until": end})).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.body["field"], "until", "{refused:?}");
    let activity = json!({"until": end});
    let activity = stack.service.post("/log", &token, &activity).await;
    assert_eq!(activity.body["field"], "until", "{activity:?}");
}
