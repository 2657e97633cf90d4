//! Requests that no well-behaved requester would send.

use async_nats::{Request as Ask, RequestErrorKind};
use bus_schema::verb::{GetInfo, ListNamespaces, ListWorkloads};
use bus_schema::{FaultCode, VERBS, subject};

use crate::deployment::Target;
use crate::stage::{Stage, read};

async fn refusal(stage: &Stage, verb: &str, payload: &[u8]) -> String {
    let message = stage
        .raw(verb, payload.to_vec().into())
        .await
        .expect("an answer");
    let fault = read::<serde_json::Value>(&message).expect_err("a refusal");
    assert_eq!(fault.code, FaultCode::InvalidRequest, "{verb}: {fault}");
    fault.message
}

#[tokio::test]
async fn every_verb_refuses_invalid_requests_and_the_agent_continues() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let noise: Vec<u8> = (0..1_000_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let deep = [b"{\"q\":".repeat(5_000), b"1".to_vec(), b"}".repeat(5_000)].concat();
    for verb in VERBS {
        for payload in [&b"{"[..], b"[]", b"null", b"\xff\xfe", b"{} {}", &noise] {
            refusal(&stage, verb.name, payload).await;
        }
    }
    refusal(&stage, "deployments", &deep).await;
    stage.ask(&GetInfo {}).await.unwrap();
    agent.left().await;
}

#[tokio::test]
async fn a_refusal_names_the_field_that_is_wrong() {
    let (_sim, stage, agent) = Stage::simulated().await;
    for (verb, payload, field) in [
        ("restart", "", "namespace"),
        ("restart", r#"{"namespace":"a"}"#, "deployment_name"),
        (
            "restart",
            r#"{"namespace":"a b","deployment_name":"c"}"#,
            "namespace",
        ),
        (
            "restart",
            r#"{"namespace":"a","deployment_name":"b","deadline":"soon"}"#,
            "deadline",
        ),
        (
            "scale",
            r#"{"namespace":"a","deployment_name":"b"}"#,
            "replicas",
        ),
        (
            "image",
            r#"{"namespace":"a","deployment_name":"b","images":[]}"#,
            "images: name 1 to 100 containers",
        ),
        (
            "image",
            r#"{"namespace":"a","deployment_name":"b","images":[{"container":"c","image":"a b"}]}"#,
            "images",
        ),
        (
            "scale",
            r#"{"namespace":"a","deployment_name":"b","replicas":-1}"#,
            "replicas: invalid value: integer `-1`, expected a whole number of replicas from 0 to 100000",
        ),
        (
            "scale",
            r#"{"namespace":"a","deployment_name":"b","replicas":2147483647}"#,
            "from 0 to 100000",
        ),
        (
            "scale",
            r#"{"namespace":"a","deployment_name":"b","replicas":2,"current_replicas":"two"}"#,
            "current_replicas",
        ),
        (
            "pause",
            r#"{"namespace":"a","deployment_name":"b","reason":"two\nlines"}"#,
            "reason: write one line of 1 to 500 characters",
        ),
        (
            "rollout",
            r#"{"namespace":"a","deployment_name":7}"#,
            "deployment_name",
        ),
        (
            "log",
            r#"{"namespace":"a","deployment_name":"b","tail":-1}"#,
            "tail",
        ),
        (
            "log",
            r#"{"namespace":"a","deployment_name":"b","follow":true,"previous":true}"#,
            "previous",
        ),
        (
            "deployments",
            r#"{"label_selector":"a in"}"#,
            "label_selector",
        ),
        ("deployments", r#"{"continue":"no cursor"}"#, "continue"),
        ("deployments", r#"{"limit":0}"#, "limit"),
        ("namespaces", r#"{"continue":"A"}"#, "continue"),
        (
            "pods",
            r#"{"namespace":"a","deployment_name":"b","limit":99999}"#,
            "limit",
        ),
        (
            "events",
            r#"{"namespace":"a","deployment_name":"b","continue":"x"}"#,
            "continue",
        ),
    ] {
        let message = refusal(&stage, verb, payload.as_bytes()).await;
        assert!(message.contains(field), "{verb} {payload}: {message}");
    }
    agent.left().await;
}

#[tokio::test]
async fn fields_of_a_newer_requester_are_ignored_and_an_empty_payload_requests_everything() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let newer = r#"{"limit":1,"newer":{"deep":[1,2]}}"#;
    assert_eq!(
        stage
            .ask_text::<ListNamespaces>(newer)
            .await
            .unwrap()
            .items
            .len(),
        1
    );
    stage.ask_text::<ListWorkloads>("").await.unwrap();
    agent.left().await;
}

#[tokio::test]
async fn an_unknown_verb_is_answered_by_the_bus_at_once() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let ask = Ask::new().inbox(stage.client.new_inbox());
    let subject = subject::request(&stage.cluster, "no-such-verb");
    let error = stage.client.send_request(subject, ask).await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::NoResponders);
    agent.left().await;
}

/// No one would learn whether it was done.
#[tokio::test]
async fn a_write_without_a_reply_subject_is_not_carried_out() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "unheard").await;
    let before = target.read().await.metadata.generation;
    let payload = serde_json::to_vec(&target.restart(1)).unwrap();
    let subject = subject::aggregator_request(&stage.cluster, "restart");
    stage.client.publish(subject, payload.into()).await.unwrap();
    // The agent processes requests in order, so a reply to this one shows that the earlier ones were processed.
    stage.ask(&target.rollout()).await.unwrap();
    agent.left().await;
    assert_eq!(target.read().await.metadata.generation, before);
}
