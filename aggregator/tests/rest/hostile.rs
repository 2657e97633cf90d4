//! A hostile agent: it holds the credential of its own cluster, and publishes whatever it likes.

use async_nats::HeaderMap;
use axum::http::StatusCode;
use bus_link::encoding;
use bus_schema::LogChunk;
use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::impostor::Impostor;
use crate::service::PATIENCE;
use crate::stack::Stack;

const CLUSTER: &str = "hostile";

/// Invalid as a reply to any request.
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

/// A call, and the hostile agent's actions meanwhile. Fails on a deadlock of the two.
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
async fn invalid_replies_are_refused_shown_and_affect_no_other_cluster() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let hostile = Impostor::heard(&stack, CLUSTER, &[]).await;
    let mut questions = hostile.hears("workloads").await;
    stack.known(&[CLUSTER]).await;
    for reply in nonsense() {
        let answer = hostile.replies(&mut questions, reply);
        let call = stack.service.get("/deployments/hostile/default", &token);
        let (got, ()) = both(call, answer).await;
        assert_eq!(
            (got.status, got.code()),
            (StatusCode::BAD_GATEWAY, "agent_misbehaves")
        );
        let others = stack.service.get("/namespaces/cluster-a", &token).await;
        assert_eq!(others.status, StatusCode::OK, "{others:?}");
    }
    // A kilobyte that unpacks to a megabyte; and one with the wrong content encoding.
    let mut zstd = HeaderMap::new();
    let bomb = encoding::pack(vec![b' '; encoding::UNPACKED_BYTES + 1], &mut zstd);
    for packed in [bomb, b"{\"items\":[]}".to_vec()] {
        let answer = hostile.replies_with(&mut questions, zstd.clone(), packed);
        let call = stack.service.get("/deployments/hostile/default", &token);
        let (got, ()) = both(call, answer).await;
        assert_eq!(got.code(), "agent_misbehaves");
    }
    let message = is_shown(&stack, &token).await.expect("it is shown");
    assert!(message.contains("(10 times)"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_heartbeats_are_shown_and_affect_no_other_cluster() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let hostile = Impostor::heard(&stack, CLUSTER, &[]).await;
    stack.known(&[CLUSTER]).await;
    for beat in nonsense() {
        hostile.say("heartbeat", beat).await;
    }
    let shown = async || is_shown(&stack, &token).await;
    stack.service.until("it is shown", shown).await;
    let others = stack.service.get("/namespaces/cluster-a", &token).await;
    assert_eq!(others.status, StatusCode::OK, "{others:?}");
}

/// Chunks that no agent would send are not buffered for a reader, however slow: more lines than requested, and more than a chunk
/// may have.
#[tokio::test(flavor = "multi_thread")]
async fn a_followed_log_ends_if_more_is_sent_than_was_requested() {
    let stack = Stack::start(0).await;
    let token = stack.service.token("admin").await;
    let hostile = Impostor::heard(&stack, CLUSTER, &[]).await;
    let mut questions = hostile.hears("log").await;
    let mut credit = hostile.hears("credit.>").await;
    stack.known(&[CLUSTER]).await;
    let line = |length: usize| json!({"pod": "x-1", "container": "x", "text": "x".repeat(length)});
    for lines in [vec![line(LogChunk::MAX_BYTES)], vec![line(0); 1_001]] {
        let reply = json!({"stream": format!("agent.{CLUSTER}.stream.s"), 
            "credit": format!("cluster.{CLUSTER}.credit.s")});
        let answer = async {
            hostile.replies(&mut questions, reply.to_string()).await;
            let granted = credit.next().await.expect("somebody follows");
            let granted: Value = serde_json::from_slice(&granted.payload).expect("credit");
            assert_eq!(granted["lines"], 1_000);
            let chunk = json!({"sequence": 1, "lines": lines});
            hostile.say("stream.s", chunk.to_string()).await;
            let closed = credit.next().await.expect("somebody follows");
            let closed: Value = serde_json::from_slice(&closed.payload).expect("credit");
            assert_eq!(closed["close"], true);
        };
        let call = stack
            .service
            .get("/workloads/hostile/default/Deployment/x/log/watch", &token);
        let (got, ()) = both(call, answer).await;
        let text = got.body.to_string();
        assert!(text.contains("agent_misbehaves"), "{text}");
        assert!(!text.contains("x-1"), "{text}");
    }
}

/// Numbers at the limits of their range; streams that belong to others.
#[tokio::test(flavor = "multi_thread")]
async fn a_followed_log_takes_no_harm_from_what_it_is_sent() {
    let stack = Stack::start(0).await;
    let token = stack.service.token("admin").await;
    let hostile = Impostor::heard(&stack, CLUSTER, &[]).await;
    let mut questions = hostile.hears("log").await;
    let mut credit = hostile.hears("credit.>").await;
    stack.known(&[CLUSTER]).await;
    let reply =
        |stream: &str, credit: &str| json!({"stream": stream, "credit": credit}).to_string();
    let path = "/workloads/hostile/default/Deployment/x/log/watch";
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
        let answer = hostile.replies(&mut questions, reply(&stream, &credit));
        let (got, ()) = both(stack.service.get(path, &token), answer).await;
        assert_eq!(got.code(), "agent_misbehaves", "{stream} {credit}: {got:?}");
    }
    let answer = async {
        let answer = reply(&own.0, &own.1);
        hostile.replies(&mut questions, answer).await;
        credit.next().await.expect("somebody follows");
        for sequence in [u64::MAX, 0, u64::MAX] {
            let chunk = json!({"sequence": sequence, "lines": [], "dropped": u64::MAX});
            hostile.say("stream.s1", chunk.to_string()).await;
        }
        hostile.say("stream.s1", "no chunk").await;
    };
    let (got, ()) = both(stack.service.get(path, &token), answer).await;
    let text = got.body.to_string();
    assert!(
        text.contains("agent_misbehaves") && text.contains(&u64::MAX.to_string()),
        "{text}"
    );
}
