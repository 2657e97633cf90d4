//! Who may watch, what they may see, and for how long.

use axum::http::StatusCode;
use identity::password::{self, Password};
use serde_json::json;

use super::following;
use crate::impostor::{Impostor, changes};
use crate::stack::Stack;
use crate::watcher::Watcher;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_published_that_the_reader_may_not_see() {
    let stack = Stack::start(2).await;
    // In the namespace pay of all clusters; in all of cluster-b.
    let (pay, b) = (
        stack.service.token("pay").await,
        stack.service.token("restarter-b").await,
    );
    let admin = stack.service.token("admin").await;
    let mut admin = following(&stack.service, &admin, &[]).await;
    let mut pay = following(&stack.service, &pay, &[]).await;
    let mut b = following(&stack.service, &b, &[]).await;
    let teller = Impostor::heard(&stack, "teller", &[]).await;
    admin
        .until("gap", |event| event["cluster"] == "teller")
        .await;
    let all = [
        ("secret", "hidden"),
        ("pay", "open"),
        ("secret", "hidden-2"),
        ("pay", "last"),
    ];
    teller.say("workload", changes(14, &all).to_string()).await;
    let gap = admin
        .until("gap", |event| event["cluster"] == "teller")
        .await;
    assert_eq!(gap, json!({"cluster": "teller", "missed": 10}));
    admin
        .until("workload", |event| event["name"] == "last")
        .await;
    let mut published = Vec::new();
    loop {
        let seen = pay.next().await;
        let last = seen.data["name"] == "last";
        published.push(seen);
        if last {
            break;
        }
    }
    let text = format!("{published:?}");
    assert!(
        !text.contains("hidden") && !text.contains("secret") && !text.contains("missed"),
        "{text}"
    );
    assert!(text.contains("open"));
    // A caller who may see only cluster-b gets its events, and no others.
    let mut agents = stack.agents;
    agents.remove(1).stop().await;
    loop {
        let seen = b.next().await;
        assert_eq!(seen.data["cluster"], "cluster-b", "{seen:?}");
        if seen.data["presence"] == "offline" {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_session_and_says_so() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let mut watcher = following(&stack.service, &token, &[]).await;
    stack.service.post_text("/logout", &token, "").await;
    let problem = watcher.until("problem", |_| true).await;
    assert_eq!(problem["code"], "unauthenticated");
    assert!(watcher.try_next().await.is_none());
    let refused = Watcher::try_open(&stack.service, "/watch", &token, None).await;
    assert_eq!(refused.err().unwrap().code(), "unauthenticated");
}

/// A10. The session continues with the new grants, and so do the other watchers.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_other_things_may_be_seen_and_the_next_one_shows_those() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let other = stack.service.token("pay").await;
    let mut watcher = following(&stack.service, &token, &[]).await;
    let mut other = following(&stack.service, &other, &[]).await;
    let teller = Impostor::heard(&stack, "teller", &[]).await;
    watcher
        .until("gap", |event| event["cluster"] == "teller")
        .await;
    stack.edit_users(|users| users["viewer"]["grants"][0]["namespaces"] = json!(["pay"]));
    let problem = watcher.until("problem", |_| true).await;
    assert_eq!(problem["code"], "unauthenticated");
    assert!(watcher.try_next().await.is_none());

    let last_id = watcher.last_id.clone();
    let mut narrowed = Watcher::open(&stack.service, "/watch", &token, last_id.as_deref()).await;
    assert_eq!(narrowed.next().await.data, json!({"reason": "unknown_id"}));
    let published = [("secret", "hidden"), ("pay", "open")];
    teller
        .say("workload", changes(2, &published).to_string())
        .await;
    for reader in [&mut narrowed, &mut other] {
        loop {
            let seen = reader.next().await;
            assert_ne!(seen.data["namespace"], "secret");
            assert_ne!(seen.name, "problem", "{:?}", seen.data);
            if seen.data["name"] == "open" {
                break;
            }
        }
    }
}

/// A10. A changed password, or a removed user, ends the session.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_password_and_with_the_user_it_was_opened_by() {
    let stack = Stack::start(1).await;
    let tokens = [
        stack.service.token("viewer").await,
        stack.service.token("pay").await,
    ];
    let mut watchers = Vec::new();
    for token in &tokens {
        watchers.push(following(&stack.service, token, &[]).await);
    }
    let another = password::hash(&Password::from("another password".to_owned()));
    stack.edit_users(|users| {
        users["viewer"]["password_hash"] = json!(another.expect("a hash").expose());
        users.as_object_mut().expect("users").remove("pay");
    });
    for (mut watcher, token) in watchers.into_iter().zip(&tokens) {
        let problem = watcher.until("problem", |_| true).await;
        assert_eq!(problem["code"], "unauthenticated");
        assert!(watcher.try_next().await.is_none());
        let refused = Watcher::try_open(&stack.service, "/watch", token, None).await;
        assert_eq!(refused.err().unwrap().code(), "unauthenticated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_so_many_streams_and_a_wrong_question_is_named() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    for (query, field) in [
        ("cluster=A_", "cluster"),
        ("namespace=a,b.", "namespace"),
        ("q=x", "q"),
    ] {
        let answer = stack.service.get(&format!("/watch?{query}"), &token).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::BAD_REQUEST, "invalid_request")
        );
        assert_eq!(answer.body["field"], field);
    }
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(following(&stack.service, &token, &[]).await);
    }
    let refused = Watcher::try_open(&stack.service, "/watch", &token, None).await;
    let refused = refused.err().unwrap();
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::TOO_MANY_REQUESTS, "rate_limited")
    );
    let other = stack.service.token("admin").await;
    following(&stack.service, &other, &[]).await;
    open.pop();
    let again = async || {
        Watcher::try_open(&stack.service, "/watch", &token, None)
            .await
            .ok()
    };
    stack.service.until("a permit is free", again).await;
}
