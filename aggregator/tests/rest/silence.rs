//! Silence, and what follows from it: an agent that is disconnected, and a bus that does not respond.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use bus_schema::timing::{HEARTBEAT_EVERY, lost_after, stale_after};
use serde_json::{Value, json};
use xtask::proxy::{LinkConditions, TcpProxy};

use crate::service::Service;
use crate::stack::Stack;

async fn presence(service: &Service, token: &str) -> Vec<Value> {
    let list = service.get("/clusters", token).await;
    let items = list.body["items"].as_array().cloned().unwrap_or_default();
    items.iter().map(|item| item["presence"].clone()).collect()
}

/// F8. The broker does not know of a cut cable either.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_cut_off_is_stale_then_offline_and_gets_no_restart() {
    let mut stack = Stack::start(1).await;
    let proxy = TcpProxy::start(stack.nats.address()).await.unwrap();
    stack.agents.remove(0).stop().await;
    let through = format!("nats://{}", proxy.addr());
    stack
        .agents
        .push(stack.agent("cluster-a", "cluster-a", &through));
    stack.online(1).await;
    let token = stack.service.token("admin").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let order = json!({"cluster": "cluster-a", "namespace": namespace, "deployment_name": name});

    let cut = Instant::now();
    proxy.cut();
    let becomes = async |wanted: &str| {
        let look = async || (presence(&stack.service, &token).await == [wanted]).then_some(());
        stack.service.until(wanted, look).await;
        cut.elapsed()
    };
    // The last heartbeat may be as old as one interval.
    let earliest = |after: Duration| after.saturating_sub(HEARTBEAT_EVERY.mul_f64(1.1));
    assert!(becomes("stale").await >= earliest(stale_after(HEARTBEAT_EVERY)));
    let refused = stack.service.post("/restart", &token, &order).await;
    assert_eq!(refused.code(), "cluster_offline");
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("overdue"), "{detail}");
    assert!(becomes("offline").await >= earliest(lost_after(HEARTBEAT_EVERY)));
    let list = stack.service.get("/clusters", &token).await;
    assert!(list.body["items"][0]["age_seconds"].as_u64().unwrap() >= 15);
    proxy.heal();
    stack.online(1).await;
}

/// F9. All clusters fall silent at once, and none of them is offline.
#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_falls_silent_is_noticed_and_no_cluster_is_called_offline() {
    let mut stack = Stack::start(2).await;
    let token = stack.service.token("admin").await;
    stack.nats.suspend().unwrap();
    let began = Instant::now();
    let readyz = async || stack.service.get("/readyz", &token).await.status;
    let noticed = async || (readyz().await == StatusCode::SERVICE_UNAVAILABLE).then_some(());
    stack
        .service
        .until("the silence is detected", noticed)
        .await;
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(
        stack.service.get("/livez", &token).await.status,
        StatusCode::OK
    );
    let read = stack.service.get("/namespaces/cluster-a", &token).await;
    assert_eq!(read.code(), "bus_unavailable");

    // Longer than it takes until an agent is offline.
    let past = lost_after(HEARTBEAT_EVERY) + Duration::from_secs(1);
    let silent = async || {
        let seen = presence(&stack.service, &token).await;
        assert!(
            seen.iter().all(|presence| presence != "offline"),
            "{seen:?}"
        );
        (began.elapsed() > past && seen == ["stale", "stale"]).then_some(())
    };
    stack.service.until("both are stale", silent).await;
    stack.nats.resume().unwrap();
    let back = async || {
        let seen = presence(&stack.service, &token).await;
        assert!(
            seen.iter().all(|presence| presence != "offline"),
            "{seen:?}"
        );
        (readyz().await == StatusCode::OK && seen == ["online", "online"]).then_some(())
    };
    stack
        .service
        .until("everything is healthy again", back)
        .await;
}

/// F22. Slow, but all reported states are correct.
#[tokio::test(flavor = "multi_thread")]
async fn behind_a_bad_line_a_cluster_is_slow_and_truthful() {
    let mut stack = Stack::start(2).await;
    let bad = LinkConditions {
        latency: Duration::from_secs(1),
        bytes_per_second: 256_000 / 8,
        stalls: 0.2,
    };
    let proxy = TcpProxy::with_conditions(stack.nats.address(), bad)
        .await
        .unwrap();
    let token = stack.service.token("admin").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    stack.agents.remove(0).stop().await;
    let through = format!("nats://{}", proxy.addr());
    stack
        .agents
        .push(stack.agent("cluster-a", "cluster-a", &through));
    stack.online(2).await;

    let (order, path) = (
        json!({"cluster": "cluster-a", "namespace": namespace, "deployment_name": name}),
        format!("/workloads/cluster-a/{namespace}/Deployment/{name}/rollout"),
    );
    let answer = stack.service.post("/restart", &token, &order).await;
    if answer.status != StatusCode::OK {
        assert_eq!(answer.code(), "outcome_unknown", "{answer:?}");
    }
    let reported = answer.body["operation_id"].clone();
    // Reported at once or settled later, the audit and the cluster agree, and it was done once.
    let settled = async || {
        let audit = stack.service.get("/audit?verb=restart", &token).await;
        let items = audit.body["items"].as_array()?.clone();
        let line = items.iter().find(|line| line["operation_id"] == reported)?;
        (line["outcome"] != "pending" && line["outcome"] != "unknown")
            .then(|| line["outcome"].clone())
    };
    let outcome = stack.service.until("the outcome is known", settled).await;
    let rollout = async || {
        let answer = stack.service.get(&path, &token).await;
        (answer.status == StatusCode::OK).then_some(answer.body)
    };
    let rollout = stack.service.until("the rollout is read", rollout).await;
    let restarted = if outcome == "succeeded" { 2 } else { 1 };
    assert_eq!(rollout["revision"], restarted, "{outcome}: {rollout}");

    // A page of the whole fleet: the slow one is in it or has its own row, and does not delay the other one.
    let states = async |timeout: u32, wanted: [&str; 2]| {
        let look = async || {
            let path = format!("/deployments?timeout={timeout}");
            let page = stack.service.get(&path, &token).await;
            let rows = page.body["clusters"].as_array()?;
            (rows.iter().map(|row| &row["state"]))
                .eq(wanted)
                .then_some(())
        };
        stack.service.until("the states of both", look).await;
    };
    states(1, ["timed_out", "answered"]).await;
    states(10, ["answered", "answered"]).await;

    // For five heartbeats it is not offline, and neither its clock nor its agent has a condition.
    let began = Instant::now();
    let watched = async || {
        let list = stack.service.get("/clusters", &token).await;
        let slow = &list.body["items"][0];
        assert_ne!(slow["presence"], "offline");
        assert_eq!(slow["conditions"], json!([]), "{slow}");
        (began.elapsed() > 5 * HEARTBEAT_EVERY).then_some(())
    };
    stack
        .service
        .until("five heartbeats have passed", watched)
        .await;
}
