//! A change that is sent twice with one `Idempotency-Key` is made once.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::service::{Answer, Service};
use crate::stack::Stack;
use fleet::journal::Claim;

/// The answer, and whether it was a stored one.
async fn post(
    service: &Service,
    path: &str,
    token: &str,
    key: &str,
    body: &Value,
) -> (Answer, bool) {
    let request = Request::post(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(Body::from(body.to_string()));
    let response = service.send(request.expect("a request")).await;
    let replayed = response.headers().contains_key("idempotent-replayed");
    (Answer::read(response).await, replayed)
}

fn workload(cluster: &str, (namespace, name): &(String, String)) -> Value {
    json!({"cluster": cluster, "namespace": namespace, "deployment_name": name})
}

async fn operations(stack: &Stack, token: &str, verb: &str) -> usize {
    let audit = stack
        .service
        .get(&format!("/audit?verb={verb}"), token)
        .await;
    let lines = audit.body["items"].as_array().expect("lines");
    let ids = lines.iter().map(|line| line["operation_id"].to_string());
    ids.collect::<std::collections::BTreeSet<_>>().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_sent_twice_with_one_key_is_made_once_and_answered_the_same() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let body = workload("cluster-a", &stack.healthy("cluster-a").await);
    let (first, replayed) = post(&stack.service, "/restart", &token, "k-1", &body).await;
    assert_eq!(
        (first.status, replayed),
        (StatusCode::OK, false),
        "{first:?}"
    );
    // A second replica knows it, too.
    let replica = Service::start(&stack.dir, &stack.nats.url()).await;
    let token_there = replica.token("admin").await;
    let (again, replayed) = post(&replica, "/restart", &token_there, "k-1", &body).await;
    assert_eq!(
        (again.status, replayed),
        (StatusCode::OK, true),
        "{again:?}"
    );
    assert_eq!(again.body, first.body);
    assert_eq!(operations(&stack, &token, "restart").await, 1);

    let (other, _) = post(&stack.service, "/pause", &token, "k-1", &body).await;
    assert_eq!(
        (other.status, other.code(), &other.body["field"]),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            &json!("idempotency-key")
        )
    );
    let (new, replayed) = post(&stack.service, "/restart", &token, "k-2", &body).await;
    assert_eq!((new.status, replayed), (StatusCode::OK, false));
    assert_ne!(new.body["operation_id"], first.body["operation_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_requests_with_one_key_at_the_same_time_one_is_carried_out() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let body = workload("cluster-a", &stack.healthy("cluster-a").await);
    let calls = (0..8).map(|_| post(&stack.service, "/restart", &token, "k", &body));
    let answers = futures::future::join_all(calls).await;
    for (answer, _) in &answers {
        let in_flight = (StatusCode::CONFLICT, "idempotency_key_in_flight");
        let answered = (answer.status, answer.body["code"].as_str());
        assert!(
            answered == (StatusCode::OK, None) || answered == (in_flight.0, Some(in_flight.1)),
            "{answer:?}"
        );
        assert_eq!(
            answer.body["operation_id"],
            answers[0].0.body["operation_id"]
        );
    }
    let carried_out = answers
        .iter()
        .filter(|(answer, replayed)| answer.status == StatusCode::OK && !replayed);
    assert_eq!(carried_out.count(), 1);
    assert_eq!(operations(&stack, &token, "restart").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_before_anything_was_done_may_be_sent_again_with_its_key() {
    let stack = Stack::start(1).await;
    let (service, body) = (&stack.service, stack.healthy("cluster-a").await);
    let (viewer, admin) = (service.token("viewer").await, service.token("admin").await);
    let here = workload("cluster-a", &body);
    for _ in 0..2 {
        let (refused, replayed) = post(service, "/restart", &viewer, "k", &here).await;
        assert_eq!((refused.status, replayed), (StatusCode::FORBIDDEN, false));
        let (refused, replayed) = post(
            service,
            "/restart",
            &admin,
            "k",
            &workload("cluster-z", &body),
        )
        .await;
        assert_eq!((refused.status, replayed), (StatusCode::NOT_FOUND, false));
    }
    // Another person's key of the same name is another key.
    let (done, _) = post(service, "/restart", &admin, "k", &here).await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    for wrong in ["", "two words", "a\ttab", &"k".repeat(256)] {
        let (refused, _) = post(service, "/restart", &admin, wrong, &here).await;
        assert_eq!(
            (refused.status, &refused.body["field"]),
            (StatusCode::BAD_REQUEST, &json!("idempotency-key"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_a_change_is_stored_as_well() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let body = workload("cluster-a", &stack.healthy("cluster-a").await);
    let paused = stack.service.post("/pause", &token, &body).await;
    assert_eq!(paused.status, StatusCode::OK);
    let (first, _) = post(&stack.service, "/restart", &token, "k", &body).await;
    let (again, replayed) = post(&stack.service, "/restart", &token, "k", &body).await;
    assert_eq!(
        (first.status, first.code()),
        (StatusCode::CONFLICT, "paused")
    );
    assert!(replayed);
    assert_eq!((again.status, again.body), (first.status, first.body));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_change_is_taken_over_with_its_operation_and_not_made_twice() {
    let stack = Stack::start(1).await;
    let (app, token) = (&stack.service.app, stack.service.token("admin").await);
    let body = workload("cluster-a", &stack.healthy("cluster-a").await);
    let (done, _) = post(&stack.service, "/restart", &token, "k", &body).await;
    let id: bus_schema::OperationId = done.body["operation_id"].as_str().unwrap().parse().unwrap();
    // A replica that ended after its intent: the operation is in the audit, and the key has no response.
    let (keys, now) = (&app.idempotency_keys, app.journal.now());
    let claim = async |now| {
        let (key, fingerprint) = (("admin", "k2"), "f".to_owned());
        let claim = keys.claim(key, fingerprint, id.clone(), now).await;
        claim.unwrap()
    };
    assert!(matches!(claim(now).await, Claim::New(_)));
    assert!(matches!(claim(now).await, Claim::InFlight(first) if first == id));
    let later = now + SignedDuration::from_secs(100);
    match claim(later).await {
        Claim::New(claimed) => assert_eq!(*claimed.operation_id(), id),
        other => panic!("{other:?}"),
    }
    let entry = app.journal.newest(&id).await.unwrap().unwrap();
    let act = async { Ok::<(), diagnostics::Problem>(()) };
    let again = app.journal.record_to_end(entry, act).await;
    let again = again.unwrap_err();
    assert_eq!(again.code.as_str(), "idempotency_key_in_flight");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_cannot_fill_the_bucket_with_keys_of_requests_that_are_refused() {
    let stack = Stack::start(0).await;
    let app = &stack.service.app;
    let claims = (0..1_500).map(async |number: usize| {
        let (key, fingerprint) = (number.to_string(), number.to_string());
        let (id, now) = (app.journal.new_id(), app.journal.now());
        let keys = &app.idempotency_keys;
        match keys.claim(("viewer", &key), fingerprint, id, now).await {
            Ok(Claim::New(claimed)) => keys.release(claimed).await,
            Ok(other) => panic!("{other:?}"),
            Err(problem) => return Some(problem.code.as_str()),
        }
        None
    });
    let refused = futures::future::join_all(claims).await;
    let refused: Vec<_> = refused.into_iter().flatten().collect();
    assert!(refused.len() > 300, "{}", refused.len());
    assert!(refused.iter().all(|code| *code == "rate_limited"));
}
