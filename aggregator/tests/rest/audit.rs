use async_nats::jetstream;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures::TryStreamExt as _;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use xtask::proxy::TcpProxy;

use crate::service::{Answer, Service};
use crate::stack::Stack;

fn body(namespace: &str, name: &str) -> Value {
    json!({"cluster": "cluster-a", "namespace": namespace, "deployment_name": name})
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_audit_changes_and_sign_ins_are_refused_and_reads_continue() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let client = stack.admin().await;
    jetstream::new(client).delete_stream("AUDIT").await.unwrap();

    let refused = stack
        .service
        .post("/restart", &token, &body(&namespace, &name))
        .await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "audit_unavailable")
    );
    let sign_in = json!({"username": "admin", "password": crate::service::PASSWORD});
    let sign_in = Request::post("/login")
        .header("content-type", "application/json")
        .body(Body::from(sign_in.to_string()));
    let refused = Answer::read(stack.service.send(sign_in.unwrap()).await).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "audit_unavailable")
    );
    let counted = crate::metrics::scrape(&stack.service).await;
    assert_eq!(counted["aggregator_audit_unavailable_total"], 2.0);

    let rollout = stack
        .service
        .get(
            &format!("/workloads/cluster-a/{namespace}/Deployment/{name}/rollout"),
            &token,
        )
        .await;
    assert_eq!(
        (rollout.status, &rollout.body["restarted_at"]),
        (StatusCode::OK, &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_other_settings_is_refused_with_the_difference() {
    let stack = Stack::start(0).await;
    let client = stack.admin().await;
    let streams = jetstream::new(client);
    streams.delete_stream("AUDIT").await.unwrap();
    let other = jetstream::stream::Config {
        name: "AUDIT".to_owned(),
        subjects: vec!["audit.>".to_owned()],
        ..Default::default()
    };
    streams.create_stream(other).await.unwrap();
    let refused = Service::try_start(stack.dir.path(), &stack.nats.url()).await;
    let text = refused.map(drop).unwrap_err().to_string();
    assert!(
        text.contains("deny_delete is false and should be true"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_audit_show_each_operation_once_and_nothing_that_may_not_be_seen() {
    let stack = Stack::start(2).await;
    let token = stack.service.token("admin").await;
    let (namespace, _) = stack.healthy("cluster-a").await;
    for _ in 0..5 {
        stack
            .service
            .post("/restart", &token, &body(&namespace, "missing"))
            .await;
    }
    let mut collected = Vec::new();
    let mut next = None::<String>;
    loop {
        let more = next
            .map(|next| format!("&continue={next}"))
            .unwrap_or_default();
        let page = stack
            .service
            .get(&format!("/audit?verb=restart&limit=2{more}"), &token)
            .await;
        let items = page.body["items"].as_array().unwrap().clone();
        collected.extend(items.into_iter().map(|line| {
            (
                line["operation_id"].to_string(),
                line["outcome"].to_string(),
            )
        }));
        match page.body["continue"].as_str() {
            Some(token) => next = Some(token.to_owned()),
            None => break,
        }
    }
    let ids: std::collections::BTreeSet<_> = collected.iter().map(|(id, _)| id).collect();
    assert_eq!((collected.len(), ids.len()), (5, 5), "{collected:?}");
    assert!(
        collected.iter().all(|(_, outcome)| outcome == "\"failed\""),
        "{collected:?}"
    );

    let other = stack.service.token("restarter-b").await;
    let seen = stack.service.get("/audit", &other).await;
    for line in seen.body["items"].as_array().unwrap() {
        assert_eq!(
            line["user"], "restarter-b",
            "neither cluster-a nor others' sign-ins: {line}"
        );
    }
}

/// A call is bounded however much there is to search, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_through_a_long_audit_comes_in_bounded_parts_that_say_so() {
    const FILLER: usize = 4_500;
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let (namespace, _) = stack.healthy("cluster-a").await;
    let order = body(&namespace, "missing");
    stack.service.post("/restart", &token, &order).await;
    let streams = jetstream::new(stack.admin().await);
    let line = json!({"time": "2026-01-01T00:00:00Z", "user": "filler", "verb": "pause", "outcome": "succeeded"});
    let line = bytes::Bytes::from(line.to_string());
    let written = (0..FILLER).map(|_| streams.publish("audit.sign-in", line.clone()));
    for written in futures::future::try_join_all(written).await.unwrap() {
        written.await.unwrap();
    }
    let page = async |more: &str| {
        let path = format!("/audit?verb=restart&limit=2{more}");
        let answer = stack.service.get(&path, &token).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.body
    };
    let mut now = page("").await;
    let mut parts = 1;
    while let Some(next) = now["continue"].as_str() {
        assert_eq!((&now["items"], &now["partial"]), (&json!([]), &json!(true)));
        now = page(&format!("&continue={next}")).await;
        parts += 1;
    }
    assert_eq!(now["items"].as_array().map(Vec::len), Some(1), "{now}");
    assert_eq!(now["partial"], Value::Null);
    assert_eq!(parts, 3);
    let full = stack
        .service
        .get("/audit?user=filler&limit=500", &token)
        .await;
    assert_eq!(full.body["items"].as_array().map(Vec::len), Some(500));
    assert_eq!(full.body["partial"], Value::Null, "it is full");
    assert!(full.body["continue"].is_string());
}

/// An operation that a replica started before it died is settled by another one.
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_of_a_replica_that_died_is_settled_by_another() {
    let mut stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let proxy = TcpProxy::start(stack.nats.address()).await.unwrap();
    stack.agents.remove(0).stop().await;
    let agent = stack.agent(
        "cluster-a",
        "cluster-a",
        &format!("nats://{}", proxy.addr()),
    );
    stack.agents.push(agent);

    // A replica in its own runtime: its shutdown is like SIGKILL, whatever is in progress.
    let dying = Runtime::new().unwrap();
    let (dir, url) = (stack.dir.path().to_owned(), stack.nats.url());
    let replica = dying
        .spawn(async move { Service::try_start(&dir, &url).await.unwrap() })
        .await
        .unwrap();
    for service in [&stack.service, &replica] {
        let online = async || {
            let list = service.get("/clusters", &token).await;
            (list.body["items"][0]["presence"] == "online").then_some(())
        };
        service.until("the cluster is online", online).await;
    }
    proxy.cut();
    let (order, session) = (body(&namespace, &name), token.clone());
    dying.spawn(async move { replica.post("/restart", &session, &order).await });
    let client = stack.admin().await;
    let open = jetstream::new(client)
        .get_key_value("operations")
        .await
        .unwrap();
    let begun = async || open.keys().await.ok()?.try_next().await.ok()?;
    let operation = stack.service.until("the operation is started", begun).await;
    dying.shutdown_background();
    proxy.heal();

    let settled = async || {
        let audit = stack.service.get("/audit?verb=restart", &token).await;
        let line = audit.body["items"]
            .as_array()?
            .iter()
            .find(|line| line["operation_id"] == operation.as_str())?
            .clone();
        (line["outcome"] != "pending" && line["outcome"] != "unknown").then_some(line)
    };
    let line = stack
        .service
        .until("the operation is settled", settled)
        .await;
    // The link healed at once and the request arrived in time: one rollout, and the audit says so.
    let rollout = stack
        .service
        .get(
            &format!("/workloads/cluster-a/{namespace}/Deployment/{name}/rollout"),
            &token,
        )
        .await;
    let restarted = rollout.body["restarted_at"].is_string();
    assert_eq!(
        line["outcome"],
        if restarted { "succeeded" } else { "expired" },
        "{line} {rollout:?}"
    );
    let closed = async || {
        open.keys()
            .await
            .ok()?
            .try_next()
            .await
            .ok()?
            .is_none()
            .then_some(())
    };
    stack.service.until("the operation is closed", closed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_is_narrowed_down_by_time_and_without_sign_ins() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let (namespace, _) = stack.healthy("cluster-a").await;
    for _ in 0..3 {
        let order = body(&namespace, "missing");
        stack.service.post("/restart", &token, &order).await;
    }
    let wrong = json!({"username": "admin", "password": "wrong"});
    let wrong = Request::post("/login")
        .header("content-type", "application/json")
        .body(Body::from(wrong.to_string()));
    stack.service.send(wrong.unwrap()).await;
    stack.service.token("admin").await;
    let read = async |query: &str| {
        let path = format!("/audit?{query}");
        let answer = stack.service.get(&path, &token).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.body["continue"], Value::Null, "{answer:?}");
        answer.body["items"].as_array().unwrap().clone()
    };
    let is_sign_in = |line: &Value| line["verb"] == "sign-in";

    let all = read("").await;
    assert!(all.iter().filter(|line| is_sign_in(line)).count() >= 3);
    let done = read("sign_ins=false").await;
    let others = all.iter().filter(|line| !is_sign_in(line));
    assert_eq!(done, others.cloned().collect::<Vec<_>>());
    assert_eq!(read("sign_ins=true").await, all);
    assert!(read("sign_ins=false&verb=sign-in").await.is_empty());

    let restarts = read("verb=restart").await;
    let [newest, middle, oldest] = &restarts[..] else {
        panic!("{restarts:?}");
    };
    let time = |line: &Value| line["time"].as_str().unwrap().to_owned();
    let since = read(&format!("verb=restart&since={}", time(middle))).await;
    assert_eq!(since, [newest.clone(), middle.clone()]);
    let until = read(&format!("verb=restart&until={}", time(middle))).await;
    assert_eq!(until, std::slice::from_ref(oldest));
    let (from, to) = (time(oldest), time(newest));
    let between = read(&format!("verb=restart&since={from}&until={to}")).await;
    assert_eq!(between, [middle.clone(), oldest.clone()]);
    assert!(read("since=2999-01-01T00:00:00Z").await.is_empty());
    assert_eq!(read("since=2000-01-01T00:00:00Z").await, all);

    let backwards = "since=2026-02-02T00:00:00Z&until=2026-02-01T00:00:00Z";
    for (query, status, field) in [
        (backwards, 422, "since"),
        ("since=yesterday", 400, "since"),
        ("until=7", 400, "until"),
        ("sign_ins=maybe", 400, "sign_ins"),
    ] {
        let refused = stack.service.get(&format!("/audit?{query}"), &token).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.body["field"]),
            (status, &json!(field)),
            "{query}"
        );
    }
}
