//! F12: the broker is down for a moment, and a whole fleet reconnects at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::Value;
use xtask::condition;

use crate::service::{PATIENCE, Service};
use crate::stack::Stack;

const CLUSTERS: usize = 40;

/// The presence of each cluster in `GET /clusters`.
async fn presences(service: &Service, token: &str) -> Vec<Value> {
    let list = service.get("/clusters", token).await;
    let items = list.body["items"].as_array().expect("a list").iter();
    items.map(|item| item["presence"].clone()).collect()
}

/// Whether each of these responds.
async fn all_answer(service: &Service, token: &str, names: &[String]) -> bool {
    for name in names {
        let answer = service.get(&format!("/namespaces/{name}"), token).await;
        if answer.status != StatusCode::OK {
            return false;
        }
    }
    true
}

/// One read after the other, each of another cluster, until `back`; returns the durations. Every read must get a response.
async fn reads(
    service: &Service,
    token: &str,
    names: &[String],
    back: &AtomicBool,
) -> Vec<Duration> {
    let mut took = Vec::new();
    for name in names.iter().cycle() {
        if back.load(Ordering::Relaxed) {
            break;
        }
        let begun = Instant::now();
        let answer = service.get(&format!("/namespaces/{name}"), token).await;
        took.push(begun.elapsed());
        if answer.status != StatusCode::OK {
            let code = answer.code();
            assert!(
                ["bus_unavailable", "cluster_offline", "cluster_timeout"].contains(&code),
                "{answer:?}"
            );
        }
        tokio::task::yield_now().await;
    }
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_is_back_after_the_broker_was_killed_and_no_cluster_was_marked_offline() {
    let mut stack = Stack::start(CLUSTERS).await;
    let token = stack.service.token("viewer").await;
    let names: Vec<String> = (stack.sim.clusters().iter())
        .map(|cluster| cluster.name().to_owned())
        .collect();
    stack.nats.kill().await.unwrap();
    let disconnected = async || (!stack.service.app.link.is_up()).then_some(());
    stack
        .service
        .until("the disconnect is detected", disconnected)
        .await;
    let killed = Instant::now();
    stack.nats.restart().await.unwrap();

    let (service, back) = (&stack.service, AtomicBool::new(false));
    let all_back = async {
        let look = async || {
            let seen = presences(service, &token).await;
            assert!(!seen.contains(&Value::from("offline")), "{seen:?}");
            let online = seen.iter().all(|presence| presence == "online");
            Ok((online && all_answer(service, &token, &names).await).then_some(()))
        };
        let met = condition::met("all are back", PATIENCE, look).await;
        back.store(true, Ordering::Relaxed);
        met.map(|()| killed.elapsed())
    };
    let (took, mut reads) = tokio::join!(all_back, reads(service, &token, &names, &back));
    let took = took.unwrap();
    reads.sort();
    let slow = reads.iter().filter(|took| **took > Duration::from_secs(1));
    let slow = slow.count();
    println!(
        "all are back after {took:?}; of {} reads {slow} took more than a second",
        reads.len()
    );
    // One in twenty, plus one: they run one after the other, and the machine may pause.
    assert!(slow <= 1 + reads.len() / 20, "{:?}", reads.last());
}
