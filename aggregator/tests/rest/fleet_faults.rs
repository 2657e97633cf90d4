//! The whole fleet in one call when parts of it are offline, slow or hostile: a cluster affects its own row, never the response.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use futures::StreamExt as _;
use serde_json::{Value, json};
use xtask::proxy::TcpProxy;

use crate::impostor::{Impostor, share};
use crate::service::{Answer, PATIENCE};
use crate::stack::Stack;

const VERB: &str = "fleet.workloads";

pub fn row<'a>(answer: &'a Answer, cluster: &str) -> &'a Value {
    let rows = answer.body["clusters"].as_array().expect("clusters");
    let row = rows.iter().find(|row| row["cluster"] == cluster);
    row.unwrap_or_else(|| panic!("no {cluster} in {answer:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_cluster_and_a_silent_one_cost_their_own_rows() {
    let mut stack = Stack::start(3).await;
    let token = stack.service.token("viewer").await;
    let proxy = TcpProxy::start(stack.nats.address()).await.unwrap();
    stack.agents.remove(2).stop().await;
    stack.agents.remove(1).stop().await;
    let behind = format!("nats://{}", proxy.addr());
    let slow = stack.agent("cluster-b", "cluster-b", &behind);
    stack.agents.push(slow);
    let answered = async || {
        let page = stack.service.get("/deployments", &token).await;
        (page.body["answers"]["answered"] == 2).then_some(page)
    };
    let page = stack
        .service
        .until("cluster-b answers again", answered)
        .await;
    let gone = row(&page, "cluster-c");
    assert_eq!(gone["state"], "offline");
    assert!(gone["last_seen"].is_string(), "{gone}");

    proxy.cut();
    let counts =
        json!({"answered": 1, "timed_out": 1, "offline": 1, "refused": 0, "misbehaving": 0});
    // On a busy machine even the healthy one may take longer.
    let waited = async |milliseconds: u64| {
        let begun = Instant::now();
        let path = format!("/deployments?timeout={milliseconds}ms");
        let page = stack.service.get(&path, &token).await;
        let took = begun.elapsed();
        assert!(
            took >= Duration::from_millis(milliseconds) && took < PATIENCE,
            "{took:?}"
        );
        page
    };
    let mut page = waited(300).await;
    if page.body["answers"] != counts {
        page = waited(5_000).await;
    }
    assert_eq!(page.body["answers"], counts, "{page:?}");
    assert_eq!(
        row(&page, "cluster-b"),
        &json!({"cluster": "cluster-b", "state": "timed_out"})
    );
    // Besides the last known state of the one that is gone.
    let mut items = page.body["items"].as_array().unwrap().clone();
    items.retain(|item| item["as_of"].is_null());
    assert!(items.len() == 4 && items.iter().all(|item| item["cluster"] == "cluster-a"));
    let known = row(&page, "cluster-c")["workloads"].as_u64().unwrap_or(0);
    assert_eq!(page.body["totals"]["workloads"], 4 + known);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_dies_while_it_is_waited_for_is_not_waited_for_any_longer() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let mut mute = Impostor::heard(&stack, "mute", &[VERB]).await;
    stack.known(&["mute"]).await;
    let mut questions = mute.questions();
    let call = stack.service.get("/deployments?timeout=30", &token);
    let dies = async {
        // It has received the query, and disconnects without responding.
        questions.next().await.expect("a question");
        mute.dies().await;
    };
    let begun = Instant::now();
    let both = async { tokio::join!(call, dies) };
    let both = tokio::time::timeout(PATIENCE, both).await;
    let (page, ()) = both.expect("both come to their end");
    assert_eq!(row(&page, "mute")["state"], "offline", "{page:?}");
    assert!(begun.elapsed() < Duration::from_secs(25));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_answers_while_it_leaves_is_heard() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let mut leaver = Impostor::heard(&stack, "leaver", &[VERB]).await;
    let mute = Impostor::heard(&stack, "mute", &[VERB]).await;
    stack.known(&["leaver", "mute"]).await;
    let mut questions = leaver.questions();
    let call = stack.service.get("/deployments?timeout=30", &token);
    let leaves = async {
        let question = questions.next().await;
        leaver.leaves().await;
        let offline = async || {
            let page = stack
                .service
                .get("/deployments?cluster=leaver", &token)
                .await;
            (row(&page, "leaver")["state"] == "offline").then_some(())
        };
        stack.service.until("its shutdown is known", offline).await;
        // Until the requester has timed out.
        stack
            .service
            .get("/deployments?cluster=mute&timeout=300ms", &token)
            .await;
        let answer = share(&[("pay", "last")]).to_string();
        leaver.answer(&question.expect("a question"), answer).await;
        // After the response on the same connection: once this arrives, the response has arrived.
        leaver.returns().await;
        stack.known(&["leaver"]).await;
        mute.dies().await;
    };
    let both = async { tokio::join!(call, leaves) };
    let both = tokio::time::timeout(2 * PATIENCE, both).await;
    let (page, ()) = both.expect("both come to their end");
    assert_eq!(row(&page, "leaver")["state"], "answered", "{page:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_too_old_and_one_that_cannot_are_refusals() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let _old = Impostor::heard(&stack, "old", &["deployments"]).await;
    let mut busy = Impostor::heard(&stack, "busy", &[VERB]).await;
    let _refuses = busy.refuses("not_ready");
    stack.known(&["old", "busy"]).await;
    let page = stack.service.get("/deployments?timeout=30", &token).await;
    let state = |cluster| (&row(&page, cluster)["state"], &row(&page, cluster)["code"]);
    assert_eq!(state("old"), (&json!("refused"), &json!("agent_too_old")));
    assert_eq!(state("busy"), (&json!("refused"), &json!("agent_busy")));
    assert_eq!(page.body["answers"]["answered"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_agents_spoil_their_own_rows_and_are_shown_as_misbehaving() {
    let stack = Stack::start(2).await;
    let token = stack.service.token("viewer").await;
    let one = share(&[("pay", "evil")]).to_string();
    let deep = format!(r#"{{"items":{}"#, "[".repeat(200_000));
    let million = format!(
        r#"{{"items":[{}0],"totals":{{"workloads":0}}}}"#,
        "0,".repeat(450_000)
    );
    let many: Vec<(&str, String)> = (0..6000).map(|n| ("pay", format!("evil-{n}"))).collect();
    let many: Vec<(&str, &str)> = many
        .iter()
        .map(|(namespace, name)| (*namespace, name.as_str()))
        .collect();
    let mut liar = share(&[("pay", "evil")]);
    liar["cluster"] = json!("cluster-a");
    liar["items"][0]["cluster"] = json!("cluster-a");
    let hostile = [
        ("garbage", vec!["\u{0}\u{1}not json".to_owned()]),
        ("deep", vec![deep]),
        ("million", vec![million]),
        ("many", vec![share(&many[..1200]).to_string()]),
        // A flood, all of it before the others have responded.
        ("flood", vec![one.clone(); 500]),
        ("empty", vec![String::new()]),
        (
            "endless",
            vec![json!({"items": [], "more": true, "totals": {"workloads": 9}}).to_string()],
        ),
    ];
    let mut answering = Vec::new();
    let mut clusters = Vec::new();
    for (name, answers) in hostile {
        let mut impostor = Impostor::heard(&stack, name, &[VERB]).await;
        answering.push(impostor.answers(answers));
        clusters.push((name, impostor));
    }
    let mut lying = Impostor::heard(&stack, "liar", &[VERB]).await;
    let _lies = lying.answers(vec![liar.to_string()]);
    // Another one that does not respond holds the query open until the whole flood has arrived.
    let _mute = Impostor::heard(&stack, "mute", &[VERB]).await;
    let mut names: Vec<&str> = clusters.iter().map(|(name, _)| *name).collect();
    names.extend(["liar", "mute"]);
    stack.known(&names).await;

    let page = stack.service.get("/deployments?timeout=5", &token).await;
    assert_eq!(page.status, StatusCode::OK);
    for (cluster, _) in &clusters {
        let row = row(&page, cluster);
        assert_eq!(row["state"], "misbehaving", "{row}");
        assert!(
            row["detail"]
                .as_str()
                .is_some_and(|detail| !detail.is_empty() && detail.len() < 1000),
            "{row}"
        );
    }
    let counts =
        json!({"answered": 3, "timed_out": 1, "offline": 0, "refused": 0, "misbehaving": 7});
    assert_eq!(page.body["answers"], counts);
    // Its claims about other clusters are not even read: its item is its own.
    let items = page.body["items"].as_array().unwrap();
    let evil: Vec<_> = items.iter().filter(|item| item["name"] == "evil").collect();
    assert_eq!(evil.len(), 1, "{evil:?}");
    assert_eq!(evil[0]["cluster"], "liar");
    assert_eq!(items.len(), 8 + 1);
    assert_eq!(page.body["totals"]["workloads"], 9);

    let list = stack.service.get("/clusters", &token).await;
    for item in list.body["items"].as_array().unwrap() {
        let conditions = item["conditions"].as_array().unwrap().iter();
        let protocol_violation = conditions
            .filter(|condition| condition["type"] == "misbehaving")
            .count();
        let hostile = clusters.iter().any(|(name, _)| item["cluster"] == *name);
        assert_eq!(protocol_violation, usize::from(hostile), "{item}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ninety_seven_of_a_hundred_clusters_answer_for_themselves() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let names: Vec<String> = (0..96).map(|number| format!("cluster-{number}")).collect();
    // A few at a time: the server soon disconnects clients that have not authenticated.
    let connecting =
        futures::stream::iter(&names).map(|name| Impostor::heard(&stack, name, &[VERB]));
    let mut agents: Vec<Impostor> = connecting.buffer_unordered(4).collect().await;
    let items = share(&[("pay", "cart"), ("shop", "cart")]).to_string();
    let answering = agents
        .iter_mut()
        .map(|agent| agent.answers(vec![items.clone()]));
    let _answering: Vec<_> = answering.collect();
    let stopped = Impostor::heard(&stack, "stopped", &[VERB]).await;
    let _slow = Impostor::heard(&stack, "slow", &[VERB]).await;
    let mut hostile = Impostor::heard(&stack, "hostile", &[VERB]).await;
    let _garbage = hostile.answers(vec!["[".repeat(1_000)]);
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.extend(["stopped", "slow", "hostile"]);
    stack.known(&names).await;
    stopped.dies().await;
    let gone = async || {
        let page = stack
            .service
            .get("/deployments?cluster=stopped", &token)
            .await;
        (row(&page, "stopped")["state"] == "offline").then_some(())
    };
    stack.service.until("one has stopped", gone).await;

    let page = stack.service.get("/deployments?timeout=5", &token).await;
    let counts =
        json!({"answered": 97, "timed_out": 1, "offline": 1, "refused": 0, "misbehaving": 1});
    assert_eq!(page.body["answers"], counts);
    assert_eq!(page.body["totals"]["workloads"], 96 * 2 + 4);
    let items = page.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 96 * 2 + 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_shows_of_namespaces_that_the_caller_may_not_see_is_left_out() {
    let stack = Stack::start(1).await;
    let mut leaky = Impostor::heard(&stack, "leaky", &[VERB]).await;
    let _leaks = leaky.answers(vec![
        share(&[("pay", "open"), ("secret", "hidden")]).to_string(),
    ]);
    stack.known(&["leaky"]).await;
    // All clusters except one, only their namespace pay.
    let token = stack.service.token("pay").await;
    let page = stack.service.get("/deployments?timeout=30", &token).await;
    assert_eq!(row(&page, "leaky")["state"], "misbehaving");
    let text = page.body.to_string();
    assert!(
        !text.contains("hidden") && !text.contains("secret"),
        "{text}"
    );
    let admin = stack.service.token("admin").await;
    let page = stack.service.get("/deployments?timeout=30", &admin).await;
    assert_eq!(row(&page, "leaky")["state"], "answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_bus_a_fleet_query_fails_at_once() {
    let mut stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    stack.nats.kill().await.unwrap();
    let disconnected = async || (!stack.service.app.link.is_up()).then_some(());
    stack
        .service
        .until("the bus is disconnected", disconnected)
        .await;
    let answer = stack.service.get("/deployments", &token).await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "bus_unavailable")
    );
    stack.nats.restart().await.unwrap();
    let back = async || {
        let page = stack.service.get("/deployments", &token).await;
        (page.body["answers"]["answered"] == 1).then_some(())
    };
    stack
        .service
        .until("the fleet query is answered again", back)
        .await;
}
