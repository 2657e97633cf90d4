//! The states of a run: its history, and what is published on the bus.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use bus_keys::{Inbox, Permit};
use bus_schema::RunUpdate;
use bus_schema::subject::RUN_EVENTS;
use futures::{FutureExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{quick, restart, run_in, start, with};
use crate::service::PATIENCE;
use crate::stack::Stack;

/// One target at a time, each watched for a while after its rollout.
fn slow() -> Value {
    let strategy = json!({ "max_concurrency": 1, "min_success_time": "1s" });
    with(restart(), json!({ "strategy": with(quick(), strategy) }))
}

/// The states of a run, with who caused each of them.
fn history(run: &Value) -> Vec<(String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let transitions = run["transitions"].as_array().expect("transitions");
    for (number, transition) in (1..).zip(transitions) {
        assert_eq!(transition["number"], number, "{run}");
    }
    let of = |it: &Value| (text(&it["state"]).expect("a state"), text(&it["user"]));
    transitions.iter().map(of).collect()
}

fn by(state: &str, user: Option<&str>) -> (String, Option<String>) {
    (state.to_owned(), user.map(str::to_owned))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_shows_when_it_was_paused_and_by_whom_and_the_list_leaves_that_out() {
    let stack = Stack::start(1).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    let path = start(service, &token, &slow()).await;
    for (act, state) in [("pause", "paused"), ("resume", "succeeded")] {
        let path_of_act = format!("{path}/{act}");
        let acted = service.post(&path_of_act, &token, &json!({})).await;
        assert_eq!(acted.status, StatusCode::OK, "{acted:?}");
        run_in(service, &token, &path, state).await;
    }
    let run = service.get(&path, &token).await.body;
    let (admin, mut expected) = (Some("admin"), vec![]);
    expected.extend([by("running", admin), by("pausing", admin)]);
    expected.extend([by("paused", admin), by("running", admin)]);
    expected.push(by("succeeded", None));
    // A pause before the first target was begun is complete at once.
    let mut history = history(&run);
    if history[1].0 == "paused" {
        history.insert(1, by("pausing", admin));
    }
    assert_eq!(history, expected, "{run}");
    let last = run["transitions"].as_array().and_then(|all| all.last());
    assert_eq!(last.expect("one")["time"], run["ended_at"], "{run}");
    let list = service.get("/runs", &token).await;
    assert_eq!(list.body["items"][0]["transitions"], Value::Null);
}

/// What arrives on the subject of events with a person's credential that may see runs.
async fn subscribed(stack: &Stack) -> async_nats::Subscriber {
    let permit = Permit {
        name: "ana".parse().expect("a name"),
        clusters: vec![],
        verbs: vec![],
        may_list_agents: false,
        may_see_runs: true,
        inbox: Inbox::Own,
        expires_at: None,
    };
    let creds = stack.nats.keys().cli_creds(&permit).expect("credentials");
    let options = async_nats::ConnectOptions::with_credentials_file(creds).await;
    let client = options.expect("credentials").connect(stack.nats.url());
    let client = client.await.expect("a connection");
    let mut events = client.subscribe(RUN_EVENTS).await.expect("a subscription");
    let admin = stack.admin().await;
    let ready = async || {
        let sent = admin.publish(READY, "".into()).await;
        sent.expect("a connection");
        events.next().now_or_never()
    };
    stack.service.until("it is subscribed", ready).await;
    events
}

const READY: &str = "run.ready.event";

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_sees_the_states_of_a_run_in_order_and_its_counts_but_no_single_targets() {
    let stack = Stack::start(1).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    let mut events = subscribed(&stack).await;
    let reason = json!({ "reason": "TLS rotation" });
    let path = start(service, &token, &with(slow(), reason)).await;
    let mut updates: Vec<RunUpdate> = vec![];
    while updates.last().is_none_or(|last| !last.state.is_ended()) {
        let event = timeout(PATIENCE, events.next()).await;
        let event = event.expect("an event in time").expect("a connection");
        if event.subject.as_str() == READY {
            continue;
        }
        let update: RunUpdate = serde_json::from_slice(&event.payload).expect("an update");
        let subject = format!("run.{}.event", update.run_id);
        assert_eq!(event.subject.as_str(), subject);
        updates.push(update);
    }
    let run = service.get(&path, &token).await.body;
    let mut seen: Vec<_> = updates
        .iter()
        .map(|it| (json!(it.transition), json!(it.state)))
        .collect();
    seen.dedup();
    let expected = run["transitions"].as_array().expect("transitions");
    let expected: Vec<_> = expected
        .iter()
        .map(|it| (it["number"].clone(), it["state"].clone()))
        .collect();
    assert_eq!(seen, expected, "each state once, in order");
    // The counts are published at most once a second and with each state.
    let counts: BTreeSet<_> = updates
        .iter()
        .map(|it| format!("{:?}", it.counts))
        .collect();
    assert!(counts.len() > 2, "{updates:?}");
    let last = updates.last().expect("some");
    assert_eq!(
        last.reason.as_ref().map(|it| it.as_str()),
        Some("TLS rotation")
    );
    assert_eq!(
        (json!(last.counts), &*last.user, &*last.action),
        (run["counts"].clone(), "admin", "restart")
    );
}
