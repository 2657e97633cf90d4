//! An agent that means harm: it holds the credential of its own cluster, and says what it likes.

use async_nats::{Client, ConnectOptions};
use axum::http::StatusCode;
use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::stack::{PATIENCE, Stack};

const CLUSTER: &str = "hostile";

/// A well-formed heartbeat of somebody who answers all verbs.
fn heartbeat() -> Value {
    let golden = include_str!("../../../bus-schema/golden/heartbeat.json");
    let mut heartbeat: Value = serde_json::from_str(golden).expect("a golden file");
    heartbeat["verbs"] = json!([]);
    heartbeat["conditions"] = json!([]);
    heartbeat["cluster_uid"] = json!("the-hostile-one");
    heartbeat
}

/// What is no reply to anything.
fn nonsense() -> Vec<Vec<u8>> {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let many = format!("{{\"items\":[{}0]}}", "0,".repeat(450_000));
    let nested = format!(
        "{{\"items\":{}1{}}}",
        "{\"a\":".repeat(100),
        "}".repeat(100)
    );
    vec![
        b"".to_vec(),
        b"\xff\x00\r\n+OK".to_vec(),
        b"{\"items\":".to_vec(),
        b"[]".to_vec(),
        deep.into_bytes(),
        many.into_bytes(),
        nested.into_bytes(),
        vec![b' '; 1024 * 1024 - 1024],
    ]
}

async fn connect(stack: &Stack) -> Client {
    let creds = stack.nats.keys().agent_creds(CLUSTER).expect("credentials");
    let options = ConnectOptions::with_credentials_file(creds).await;
    let client = options
        .expect("credentials")
        .connect(stack.nats.url())
        .await;
    client.expect("let in")
}

/// Says that it is there, and waits until that is believed.
async fn appear(stack: &Stack, client: &Client, token: &str) {
    let seen = async || {
        let beat = heartbeat().to_string().into();
        client
            .publish(format!("agent.{CLUSTER}.heartbeat"), beat)
            .await
            .ok()?;
        let list = stack.service.get("/clusters", token).await;
        let items = list.body["items"].as_array()?.clone();
        items
            .iter()
            .any(|item| item["cluster"] == CLUSTER)
            .then_some(())
    };
    stack.service.until("the hostile one is there", seen).await;
}

/// A call, and what the hostile one does meanwhile. Fails when one waits for the other in vain.
async fn both<A, B>(call: impl Future<Output = A>, meanwhile: impl Future<Output = B>) -> (A, B) {
    let both = async { tokio::join!(call, meanwhile) };
    let done = tokio::time::timeout(PATIENCE, both).await;
    done.expect("both come to their end")
}

async fn is_shown(stack: &Stack, token: &str) -> Option<String> {
    let list = stack.service.get("/clusters", token).await;
    let items = list.body["items"].as_array()?;
    let hostile = items.iter().find(|item| item["cluster"] == CLUSTER)?;
    let conditions = hostile["conditions"].as_array()?;
    let shown = conditions.iter().find(|one| one["type"] == "misbehaving")?;
    shown["message"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_that_are_none_are_refused_shown_and_nobody_elses_trouble() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let client = connect(&stack).await;
    let mut questions = client
        .subscribe(format!("cluster.{CLUSTER}.deployments"))
        .await
        .unwrap();
    appear(&stack, &client, &token).await;
    for reply in nonsense() {
        let answer = async {
            let question = questions.next().await.expect("a question");
            let inbox = question.reply.expect("somebody waits");
            client.publish(inbox, reply.clone().into()).await.unwrap();
        };
        let (got, ()) = tokio::join!(
            stack.service.get("/deployments/hostile/default", &token),
            answer
        );
        assert_eq!(
            (got.status, got.code()),
            (StatusCode::BAD_GATEWAY, "agent_misbehaves")
        );
        let others = stack.service.get("/namespaces/cluster-a", &token).await;
        assert_eq!(others.status, StatusCode::OK, "{others:?}");
    }
    let message = is_shown(&stack, &token).await.expect("it is shown");
    assert!(message.contains("(8 times)"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_that_are_none_are_shown_and_do_not_count_as_life() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let client = connect(&stack).await;
    appear(&stack, &client, &token).await;
    for beat in nonsense() {
        client
            .publish(format!("agent.{CLUSTER}.heartbeat"), beat.into())
            .await
            .unwrap();
    }
    let shown = async || is_shown(&stack, &token).await;
    stack.service.until("it is shown", shown).await;
    stack.online(1).await;
}

/// Numbers at the ends of their range; streams that are not its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_followed_log_takes_no_harm_from_what_it_is_sent() {
    let stack = Stack::start(0).await;
    let token = stack.service.token("admin").await;
    let client = connect(&stack).await;
    let mut questions = client
        .subscribe(format!("cluster.{CLUSTER}.log"))
        .await
        .unwrap();
    let mut credit = client
        .subscribe(format!("cluster.{CLUSTER}.credit.>"))
        .await
        .unwrap();
    appear(&stack, &client, &token).await;
    let reply =
        |stream: &str, credit: &str| json!({"stream": stream, "credit": credit, "sources": []});
    let path = "/logs/hostile/default/x/watch";
    let own = (
        format!("agent.{CLUSTER}.stream.s1"),
        format!("cluster.{CLUSTER}.credit.s1"),
    );
    let foreign = [
        ("agent.cluster-a.stream.s1".to_owned(), own.1.clone()),
        (own.0.clone(), "cluster.cluster-a.restart".to_owned()),
        ("audit.>".to_owned(), own.1.clone()),
    ];
    for (stream, credit) in foreign {
        let answer = async {
            let question = questions.next().await.expect("a question");
            let inbox = question.reply.expect("somebody waits");
            client
                .publish(inbox, reply(&stream, &credit).to_string().into())
                .await
                .unwrap();
        };
        let (got, ()) = both(stack.service.get(path, &token), answer).await;
        assert_eq!(got.code(), "agent_misbehaves", "{stream} {credit}: {got:?}");
    }
    let answer = async {
        let question = questions.next().await.expect("a question");
        let inbox = question.reply.expect("somebody waits");
        client
            .publish(inbox, reply(&own.0, &own.1).to_string().into())
            .await
            .unwrap();
        credit.next().await.expect("somebody follows");
        for sequence in [u64::MAX, 0, u64::MAX] {
            let chunk = json!({"sequence": sequence, "lines": [], "dropped": u64::MAX});
            client
                .publish(own.0.clone(), chunk.to_string().into())
                .await
                .unwrap();
        }
        client
            .publish(own.0.clone(), "no chunk".into())
            .await
            .unwrap();
    };
    let (got, ()) = both(stack.service.get(path, &token), answer).await;
    let text = got.body.to_string();
    assert!(
        text.contains("agent_misbehaves") && text.contains(&u64::MAX.to_string()),
        "{text}"
    );
}
