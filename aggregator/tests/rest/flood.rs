//! A flood, with a stolen agent credential, on the subjects that all clusters share: the others are not affected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use async_nats::ConnectOptions;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::time::MissedTickBehavior;

use crate::impostor::{Impostor, changes, share};
use crate::stack::Stack;

/// The heartbeat interval of the other clusters during the flood: a cluster is stale after one and a half intervals without one.
const HEARD: usize = 5;

const TICK: Duration = Duration::from_millis(10);
const PER_TICK: u64 = 40;

#[derive(Clone, Copy, PartialEq)]
enum Pace {
    /// 4,000 times a second: more than can be parsed and processed, and less than the broker and the client can transfer, whatever
    /// else the machine does.
    Paced,
    /// As fast as the broker accepts it.
    Unpaced,
}

/// The message that each of several connections publishes, in its own thread, until stopped.
struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Flood {
    fn start(stack: &Stack, name: &str, pace: Pace, messages: Vec<(String, String)>) -> Self {
        let (stop, sent) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let creds = stack.nats.keys().agent_creds(name).expect("credentials");
        let threads = messages.into_iter().map(|(subject, payload)| {
            let (creds, url) = (creds.clone(), stack.nats.url());
            let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
            std::thread::spawn(move || {
                let runtime = Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime").block_on(async {
                    let options = ConnectOptions::with_credentials_file(creds).await;
                    let client = options.expect("credentials").connect(url).await;
                    let client = client.expect("a connection");
                    let payload = bytes::Bytes::from(payload);
                    let mut ticks = tokio::time::interval(TICK);
                    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
                    while !stop.load(Ordering::Relaxed) {
                        if pace == Pace::Paced {
                            ticks.tick().await;
                        }
                        for _ in 0..PER_TICK {
                            let said = client.publish(subject.clone(), payload.clone()).await;
                            said.expect("a connection");
                        }
                        sent.fetch_add(PER_TICK, Ordering::Relaxed);
                    }
                });
            })
        });
        let threads = threads.collect();
        Self {
            stop,
            sent,
            threads,
        }
    }

    /// The number of messages sent.
    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("it does not panic");
        }
        self.sent.load(Ordering::Relaxed)
    }
}

/// Waits until each of these clusters has sent this many heartbeats, and fails if one of them was not online meanwhile.
async fn stay_online(stack: &Stack, token: &str, clusters: &[&str]) {
    let mut heard = BTreeMap::<String, BTreeSet<String>>::new();
    let look = async || {
        let list = stack.service.get("/clusters", token).await;
        for item in list.body["items"].as_array().expect("clusters") {
            let name = item["cluster"].as_str().expect("a name");
            if clusters.contains(&name) {
                assert_eq!(item["presence"], "online", "{item}");
                let times = heard.entry(name.to_owned()).or_default();
                times.insert(item["last_seen"].to_string());
            }
        }
        let enough = clusters
            .iter()
            .all(|name| heard.get(*name).is_some_and(|times| times.len() > HEARD));
        enough.then_some(())
    };
    stack.service.until("the others stay online", look).await;
}

/// The value of this counter.
fn number(metrics: &Value, series: &str) -> f64 {
    let text = metrics.as_str().expect("text");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.expect("the series").parse().expect("a number")
}

async fn left_out(stack: &Stack, token: &str) -> f64 {
    let metrics = stack.service.get("/metrics", token).await.body;
    number(&metrics, "aggregator_agent_messages_left_out_total")
}

/// The conditions of a cluster.
async fn conditions_of(stack: &Stack, token: &str, cluster: &str) -> String {
    let list = stack.service.get("/clusters", token).await;
    let items = list.body["items"].as_array().expect("clusters");
    let item = items.iter().find(|item| item["cluster"] == cluster);
    item.expect("it is known")["conditions"].to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_one_clusters_heartbeats_makes_no_other_cluster_stale() {
    let stack = Stack::start(2).await;
    let token = stack.service.token("admin").await;
    let _flooder = Impostor::heard(&stack, "flooder", &[]).await;
    stack.known(&["flooder"]).await;
    let now = Timestamp::now();
    let conditions: Vec<Value> = (0..50)
        .map(|_| json!({"type": "plague", "message": "x".repeat(200), "since": now}))
        .collect();
    let heartbeat = json!({"instance": "impostor", "state": "up", "sequence": 1, "sent_at": now, "started_at": now,
        "agent_version": "0.0.1", "verbs": [], "cluster_uid": "flooder", "changes": 0, "conditions": conditions});
    let say = |what: &str, payload: String| (format!("agent.flooder.{what}"), payload);
    let flood = Flood::start(
        &stack,
        "flooder",
        Pace::Paced,
        vec![
            say("heartbeat", heartbeat.to_string()),
            say("heartbeat", "{".to_owned()),
        ],
    );
    stay_online(&stack, &token, &["cluster-a", "cluster-b"]).await;
    // Requests to the other clusters are answered too.
    stack.healthy("cluster-b").await;
    let sent = flood.end();
    let shown = conditions_of(&stack, &token, "flooder").await;
    assert!(shown.contains("misbehaving"), "{shown}");
    let dropped = left_out(&stack, &token).await;
    println!("{sent} heartbeats were sent, {dropped} of them left out unread");
    assert!(sent > 10_000 && dropped > 200.0, "{sent} {dropped}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_changes_and_answers_of_one_cluster_touches_no_other() {
    let stack = Stack::start(2).await;
    let token = stack.service.token("admin").await;
    let mut flooder = Impostor::heard(&stack, "flooder", &["fleet.workloads"]).await;
    stack.known(&["flooder"]).await;
    // While its responses are expected.
    let mut questions = flooder.questions();
    let (_, question) = tokio::join!(
        stack.service.get("/deployments?timeout=100ms", &token),
        async {
            futures::StreamExt::next(&mut questions)
                .await
                .expect("a question")
        }
    );
    let request: Value = serde_json::from_slice(&question.payload).expect("JSON");
    let id = |field: &str| request["answer"][field].as_str().expect("an id").to_owned();
    let answer = format!("agent.flooder.answer.{}.{}", id("asker"), id("question"));
    let flood = Flood::start(
        &stack,
        "flooder",
        Pace::Paced,
        vec![
            (
                "agent.flooder.workload".to_owned(),
                changes(1, &[("pay", "x")]).to_string(),
            ),
            ("agent.flooder.workload".to_owned(), String::new()),
            (answer, share(&[("pay", "x")]).to_string()),
        ],
    );
    stay_online(&stack, &token, &["cluster-a", "cluster-b"]).await;
    let page = stack
        .service
        .get("/deployments?cluster=cluster-*", &token)
        .await;
    assert_eq!(
        page.body["answers"]["answered"], 2,
        "{:?}",
        page.body["clusters"]
    );
    let sent = flood.end();
    let dropped = left_out(&stack, &token).await;
    println!("{sent} changes and answers were sent, {dropped} of them left out unread");
    assert!(sent > 10_000 && dropped > 1_000.0, "{sent} {dropped}");
}

/// More than the broker can deliver: it is made to drop the flooder's messages, and the flooder is readmitted after the flood.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_as_fast_as_the_broker_takes_it_makes_no_other_cluster_stale_and_refuses_no_change()
{
    let stack = Stack::start(2).await;
    let token = stack.service.token("admin").await;
    let _flooder = Impostor::heard(&stack, "flooder", &[]).await;
    stack.known(&["flooder"]).await;
    let (namespace, name) = stack.healthy("cluster-b").await;
    let restart = json!({"cluster": "cluster-b", "namespace": namespace, "deployment_name": name});
    let say = |what: &str, payload: String| (format!("agent.flooder.{what}"), payload);
    let flood = Flood::start(
        &stack,
        "flooder",
        Pace::Unpaced,
        vec![
            say("heartbeat", "{".to_owned()),
            say("heartbeat", "x".repeat(900_000)),
            say("workload", "{".to_owned()),
            say("workload", "x".repeat(900_000)),
            say("renewal", "x".repeat(900_000)),
        ],
    );
    let done = stack.service.post("/restart", &token, &restart).await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    stay_online(&stack, &token, &["cluster-a", "cluster-b"]).await;
    let done = stack.service.post("/restart", &token, &restart).await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    let _newcomer = Impostor::heard(&stack, "newcomer", &[]).await;
    stack.known(&["newcomer"]).await;
    let sent = flood.end();
    let metrics = stack.service.get("/metrics", &token).await.body;
    let exclusions = number(&metrics, "aggregator_cluster_exclusions_total");
    let dropped = number(&metrics, "aggregator_agent_messages_left_out_total");
    println!("{sent} messages were sent, {dropped} left out, in {exclusions} exclusions");
    let shown = conditions_of(&stack, &token, "flooder").await;
    assert!(shown.contains("floods the bus with"), "{shown}");
    let log = stack.dir.path().join("nats/nats-server.log");
    let log = std::fs::read_to_string(log).expect("the server's log");
    let mut slow = log.lines().filter(|line| line.contains("Slow Consumer"));
    let of_requests = slow.find(|line| line.contains(r#":aggregator" "#));
    assert_eq!(of_requests, None);
    stack.known(&["flooder"]).await;
}
