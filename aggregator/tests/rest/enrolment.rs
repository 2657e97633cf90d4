use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use bus_keys::{CredentialRequest, Key, Kind};
use serde_json::json;
use xtask::proxy::TcpProxy;

use crate::service::Answer;
use crate::stack::Stack;

async fn delete(stack: &Stack, path: &str, token: &str) -> Answer {
    let request = Request::delete(path).header("authorization", format!("Bearer {token}"));
    let request = request.body(Body::empty()).expect("a request");
    Answer::read(stack.service.send(request).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_enrolled_with_a_manifest_revoked_and_forgotten() {
    let stack = Stack::start(0).await;
    let token = stack.service.token("admin").await;
    let path = "/clusters/cluster-a/enroll";
    let enrolled = stack.service.post(path, &token, &json!({})).await;
    assert_eq!(enrolled.status, StatusCode::OK, "{enrolled:?}");
    let manifest = enrolled.body["manifest"].as_str().unwrap();
    for part in [
        "kind: Secret",
        "registry.example/agent:test",
        &stack.nats.url(),
    ] {
        assert!(manifest.contains(part), "{part}");
    }
    let key = enrolled.body["public_key"].as_str().unwrap();

    let second = stack.service.post(path, &token, &json!({})).await;
    assert_eq!(second.status, StatusCode::OK, "{second:?}");
    let third = stack.service.post(path, &token, &json!({})).await;
    assert_eq!(
        (third.status, third.code()),
        (StatusCode::CONFLICT, "credentials_exhausted")
    );

    let one = delete(&stack, &format!("/clusters/cluster-a?key={key}"), &token).await;
    assert_eq!(one.body["revoked"], json!([key]), "{one:?}");
    let rest = delete(&stack, "/clusters/cluster-a", &token).await;
    assert_eq!(
        rest.body["revoked"],
        json!([second.body["public_key"]]),
        "{rest:?}"
    );
    let gone = delete(&stack, "/clusters/cluster-a", &token).await;
    assert_eq!(
        (gone.status, gone.code()),
        (StatusCode::NOT_FOUND, "credential_unknown")
    );

    let audit = stack.service.get("/audit?cluster=cluster-a", &token).await;
    let lines = audit.body["items"].as_array().unwrap().clone();
    let logged: Vec<_> = lines
        .iter()
        .map(|line| (line["verb"].clone(), line["outcome"].clone()))
        .collect();
    let expected = [
        ("revoke", "failed"),
        ("revoke", "succeeded"),
        ("revoke", "succeeded"),
        ("enroll", "failed"),
        ("enroll", "succeeded"),
        ("enroll", "succeeded"),
    ];
    assert_eq!(
        logged,
        expected.map(|(verb, outcome)| (json!(verb), json!(outcome)))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_enrolled_only_for_the_holder_who_proves_it() {
    let stack = Stack::start(0).await;
    let token = stack.service.token("admin").await;
    let key = Key::generate(Kind::User);
    let request = CredentialRequest::sign(&key, "cluster-a").to_string();
    let body = json!({ "credential_request": request });
    let other = stack
        .service
        .post("/clusters/cluster-b/enroll", &token, &body)
        .await;
    assert_eq!(
        (other.code(), &other.body["field"]),
        ("invalid_request", &json!("credential_request")),
        "{other:?}"
    );
    let own = stack
        .service
        .post("/clusters/cluster-a/enroll", &token, &body)
        .await;
    assert_eq!(own.body["public_key"], json!(key.public()), "{own:?}");
    assert!(own.body["jwt"].is_string(), "{own:?}");
    assert_eq!(own.body.get("manifest"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_enrolment_is_named() {
    let stack = Stack::start(0).await;
    let token = stack.service.token("admin").await;
    for (field, value) in [
        ("credential_request", "SUAM"),
        ("nats_url", "://"),
        ("image", "a b\n"),
        ("colour", "red"),
    ] {
        let answer = stack
            .service
            .post("/clusters/cluster-a/enroll", &token, &json!({field: value}))
            .await;
        assert_eq!(
            (answer.code(), &answer.body["field"]),
            ("invalid_request", &json!(field)),
            "{answer:?}"
        );
    }
    let wild = stack
        .service
        .post("/clusters/*/enroll", &token, &json!({}))
        .await;
    assert_eq!(
        (wild.code(), &wild.body["field"]),
        ("invalid_request", &json!("cluster"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_agent_is_shown_offline_within_a_second() {
    let mut stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    // The fastest of a few: the machine may pause.
    let mut took = Vec::new();
    while took.len() < 3 {
        // Seen from the bus, a process that dies: its connections are closed, and it sends nothing more.
        let proxy = TcpProxy::start(stack.nats.address()).await.unwrap();
        stack.agents.remove(0).stop().await;
        let url = format!("nats://{}", proxy.addr());
        let agent = stack.agent("cluster-a", "cluster-a", &url);
        stack.agents.push(agent);
        stack.online(1).await;
        let begun = Instant::now();
        proxy.reset();
        let offline = async || {
            let list = stack.service.get("/clusters", &token).await;
            (list.body["items"][0]["presence"] == "offline").then_some(())
        };
        stack.service.until("the agent is gone", offline).await;
        took.push(begun.elapsed());
        println!("shown offline after {took:?}");
        if begun.elapsed() < Duration::from_secs(1) {
            return;
        }
    }
    panic!("{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_would_be_back_at_once_is_not_forgotten() {
    let mut stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let refused = delete(&stack, "/clusters/cluster-a", &token).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::CONFLICT, "credential_unrecorded")
    );
    stack.online(1).await;
    stack.agents.remove(0).stop().await;
    let offline = async || {
        let list = stack.service.get("/clusters", &token).await;
        (list.body["items"][0]["presence"] == "offline").then_some(())
    };
    stack.service.until("the agent has left", offline).await;
    let gone = delete(&stack, "/clusters/cluster-a", &token).await;
    assert_eq!(gone.status, StatusCode::OK, "{gone:?}");
    let list = stack.service.get("/clusters", &token).await;
    assert_eq!(list.body["items"], json!([]));
}
