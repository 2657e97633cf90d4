//! Published changes, and gaps when nothing can be published.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use xtask::proxy::TcpProxy;

use super::{following, of};
use crate::impostor::{Impostor, changes};
use crate::service::{Answer, Service};
use crate::stack::Stack;
use crate::watcher::Watcher;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_seen_by_every_watcher() {
    let stack = Stack::start(2).await;
    let token = stack.service.token("admin").await;
    let target = stack.healthy("cluster-a").await;
    let mut watcher = Watcher::open(&stack.service, "/watch", &token, None).await;
    assert_eq!(watcher.next().await.data, json!({"reason": "started"}));
    let body = json!({"cluster": "cluster-a", "namespace": target.0, "deployment_name": target.1});
    stack.service.post("/restart", &token, &body).await;
    let restarted = |event: &Value| {
        of(event, "cluster-a", &target) && event["workload"]["restarted_at"].is_string()
    };
    watcher.until("workload", restarted).await;
    let healthy = |event: &Value| restarted(event) && event["workload"]["health"] == "healthy";
    let event = watcher.until("workload", healthy).await;
    // The same row as in the list.
    let path = format!("/deployments?cluster=cluster-a&namespace={}", target.0);
    let list = stack.service.get(&path, &token).await;
    let items = list.body["items"].as_array().unwrap();
    let line = items
        .iter()
        .find(|item| item["deployment_name"] == *target.1);
    assert_eq!(event["workload"], *line.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_broke_goes_on_just_behind_the_last_event() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let mut watcher = following(&stack.service, &token, &[]).await;
    let teller = Impostor::heard(&stack, "teller", &[]).await;
    watcher
        .until("gap", |event| event["cluster"] == "teller")
        .await;
    let publish = async |number: u64| {
        let name = format!("d{number}");
        let change = changes(number, &[("pay", &name)]).to_string();
        teller.say("workload", change).await;
    };
    let numbered = |number: u64| move |event: &Value| event["name"] == format!("d{number}");
    for number in 1..=5 {
        publish(number).await;
    }
    watcher.until("workload", numbered(2)).await;
    let last_id = watcher.last_id.clone();
    drop(watcher);
    let open = async |id: Option<&str>| {
        let path = "/watch?namespace=pay&cluster=teller";
        Watcher::open(&stack.service, path, &token, id).await
    };
    let mut anew = open(last_id.as_deref()).await;
    // It is the id of another query.
    assert_eq!(anew.next().await.data, json!({"reason": "unknown_id"}));
    let mut again = Watcher::open(&stack.service, "/watch", &token, last_id.as_deref()).await;
    let seen = again.next().await;
    assert_eq!((seen.name.as_str(), seen.data), ("resumed", json!({})));
    publish(6).await;
    let mut names = Vec::new();
    while names.len() < 4 {
        let seen = again.next().await;
        if seen.name == "workload" && seen.data["cluster"] == "teller" {
            names.push(seen.data["name"].clone());
        }
    }
    assert_eq!(names, ["d3", "d4", "d5", "d6"]);
    let mut lost = Watcher::open(&stack.service, "/watch", &token, Some("\u{e9}-1")).await;
    assert_eq!(lost.next().await.data, json!({"reason": "unknown_id"}));
    // Another aggregator, or this one after its next start.
    let other = Service::start(&stack.dir, &stack.nats.url()).await;
    let mut other = Watcher::open(&other, "/watch", &token, last_id.as_deref()).await;
    assert_eq!(other.next().await.data, json!({"reason": "unknown_id"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_lost_comes_back_and_is_forgotten_is_published_each_time() {
    let mut stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let mut watcher = following(&stack.service, &token, &[]).await;
    let of = |cluster: &'static str, presence: &'static str| {
        move |event: &Value| event["cluster"] == cluster && event["presence"] == presence
    };
    let first = Impostor::heard(&stack, "fickle", &[]).await;
    watcher.until("cluster", of("fickle", "online")).await;
    first.dies().await;
    let gone = watcher.until("cluster", of("fickle", "offline")).await;
    assert_eq!(gone["agents"], 0);
    let _second = Impostor::heard(&stack, "fickle", &[]).await;
    watcher.until("cluster", of("fickle", "online")).await;
    stack.agents.remove(0).stop().await;
    watcher.until("cluster", of("cluster-a", "offline")).await;
    let forgotten = stack.service.delete("/clusters/cluster-a", &token).await;
    assert!(forgotten.status.is_success(), "{forgotten:?}");
    let gone = watcher.until("cluster_gone", |_| true).await;
    assert_eq!(gone, json!({"cluster": "cluster-a"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_published_once_by_two_agents_of_a_cluster() {
    let mut stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let target = stack.healthy("cluster-a").await;
    let mut watcher = following(&stack.service, &token, &[]).await;
    let second = stack.agent("cluster-a", "cluster-a", &stack.nats.url());
    let both = |event: &Value| event["agents"] == 2;
    watcher.until("cluster", both).await;
    let body = json!({"cluster": "cluster-a", "namespace": target.0, "deployment_name": target.1});
    let mut published = Vec::new();
    for _ in 0..2 {
        stack.service.post("/restart", &token, &body).await;
        loop {
            let seen = watcher.next().await;
            assert_ne!(seen.name, "gap", "{:?}", seen.data);
            if seen.name != "workload" || !of(&seen.data, "cluster-a", &target) {
                continue;
            }
            let healthy = seen.data["workload"]["health"] == "healthy"
                && seen.data["workload"]["restarted_at"].is_string();
            published.push(seen.data);
            if healthy {
                break;
            }
        }
    }
    // Each row differs from the one before it: if one were published twice, it would appear here twice.
    for pair in published.windows(2) {
        assert_ne!(pair[0], pair[1], "{published:?}");
    }
    // When the followed agent is gone, whichever it was, the other one is followed.
    stack.agents.remove(0).stop().await;
    watcher.until("cluster", |event| event["agents"] == 1).await;
    second.stop().await;
    watcher.until("cluster", |event| event["agents"] == 0).await;
}

/// Everything that happened while it was disconnected is missed, and reported as a gap.
#[tokio::test(flavor = "multi_thread")]
async fn what_changed_while_the_agent_was_cut_off_is_a_gap() {
    let mut stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let target = stack.healthy("cluster-a").await;
    stack.agents.remove(0).stop().await;
    let proxy = TcpProxy::start(stack.nats.address()).await.unwrap();
    let mut watcher = following(&stack.service, &token, &[]).await;
    let behind = format!("nats://{}", proxy.addr());
    let agent = stack.agent("cluster-a", "cluster-a", &behind);
    stack.agents.push(agent);
    watcher
        .until("gap", |event| event["cluster"] == "cluster-a")
        .await;
    proxy.reset();
    let offline = |event: &Value| event["presence"] == "offline";
    watcher.until("cluster", offline).await;
    let path = format!(
        "/apis/apps/v1/namespaces/{}/deployments/{}",
        target.0, target.1
    );
    let cluster = stack.sim.cluster("cluster-a").router();
    let ask = async |method: &str, body: Value| {
        let request = Request::builder().method(method).uri(&path);
        let request = request.header("content-type", "application/merge-patch+json");
        let request = request.body(Body::from(body.to_string()));
        let answer = cluster.clone().oneshot(request.expect("a request")).await;
        Answer::read(answer.expect("an answer")).await.body
    };
    ask("PATCH", json!({"spec": {"replicas": 5}})).await;
    // By the time that everything has changed, the agent has seen a change.
    let done =
        async || (ask("GET", Value::Null).await["status"]["readyReplicas"] == 5).then_some(());
    stack.service.until("five replicas", done).await;
    proxy.heal();
    watcher
        .until("gap", |event| event["cluster"] == "cluster-a")
        .await;
}
