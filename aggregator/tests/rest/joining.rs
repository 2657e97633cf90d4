//! One-time links that join a cluster.

use aggregator::sessions::Token;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use futures::future::join_all;
use serde_json::json;

use crate::stack::{Answer, Stack};

/// The path of a new link for this cluster.
async fn link(stack: &Stack, cluster: &str) -> String {
    let token = stack.service.token("admin").await;
    let path = format!("/clusters/{cluster}/invite");
    let invited = stack.service.post(&path, &token, &json!({})).await;
    assert_eq!(invited.status, StatusCode::OK, "{invited:?}");
    let url = invited.body["url"].as_str().expect("a link");
    let command = format!("curl -fsS -X POST '{url}' | kubectl apply -f -");
    assert_eq!(invited.body["command"], json!(command));
    let path = url
        .strip_prefix("https://fleet.example")
        .expect("the public URL");
    path.to_owned()
}

/// As curl does: nobody is signed in.
async fn open(stack: &Stack, method: Method, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path);
    let request = request.body(Body::empty()).expect("a request");
    Answer::read(stack.service.send(request).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_joins_a_cluster_once_and_only_when_it_is_meant() {
    let stack = Stack::start(0).await;
    let path = link(&stack, "cluster-a").await;
    for looked_at in [Method::GET, Method::HEAD, Method::OPTIONS] {
        let answer = open(&stack, looked_at, &path).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{answer:?}");
    }
    let answers = join_all((0..4).map(|_| open(&stack, Method::POST, &path))).await;
    let (joined, late): (Vec<_>, Vec<_>) = answers
        .iter()
        .partition(|answer| answer.status == StatusCode::OK);
    assert_eq!((joined.len(), late.len()), (1, 3));
    for answer in late {
        assert_eq!(answer.code(), "invitation_unknown");
    }
    let manifest = joined[0].body.as_str().expect("YAML");
    assert_eq!(joined[0].headers["content-type"], "application/yaml");
    assert_eq!(joined[0].headers["cache-control"], "no-store");
    for part in ["kind: Secret", "registry.example/agent:test", "cluster-a"] {
        assert!(manifest.contains(part), "{part}");
    }

    let token = stack.service.token("admin").await;
    let audit = stack.service.get("/audit?cluster=cluster-a", &token).await;
    let lines = audit.body["items"].as_array().expect("lines");
    let told: Vec<_> = lines
        .iter()
        .map(|line| [&line["user"], &line["verb"], &line["outcome"]].map(|part| part.as_str()))
        .filter(|line| line[2] == Some("succeeded"))
        .collect();
    let expected = ["enroll", "invite"].map(|verb| [Some("admin"), Some(verb), Some("succeeded")]);
    assert_eq!(told, expected, "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_worth_no_more_than_its_maker() {
    let stack = Stack::start(0).await;
    let path = link(&stack, "cluster-a").await;
    let token = stack.service.token("admin").await;
    let users = stack.dir.path().join("users.json");
    let text = std::fs::read_to_string(&users).unwrap();
    let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
    document["users"]["admin"]["grants"][0]["role"] = json!("operator");
    std::fs::write(&users, document.to_string()).unwrap();
    let lost = async || {
        let me = stack.service.get("/me", &token).await;
        me.body.to_string().contains("operator").then_some(())
    };
    stack.service.until("the right is lost", lost).await;
    let answer = open(&stack, Method::POST, &path).await;
    assert_eq!(answer.code(), "invitation_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_cannot_be_guessed_for_long() {
    let stack = Stack::start(0).await;
    let path = link(&stack, "cluster-a").await;
    let unknown = format!("/join/{}", Token::mint().expect("random bytes").expose());
    for guess in ["/join/x", "/join/mca_", &unknown, "/join/%00", "/join/*"] {
        let answer = open(&stack, Method::POST, guess).await;
        assert_eq!(answer.code(), "invitation_unknown", "{guess}");
    }
    let answer = open(&stack, Method::POST, &path).await;
    assert_eq!(answer.code(), "rate_limited");
    assert!(answer.headers.contains_key("retry-after"));
}
