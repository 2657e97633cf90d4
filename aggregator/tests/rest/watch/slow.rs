//! A slow reader.

use serde_json::{Value, json};

use super::following;
use crate::impostor::{Impostor, changes};
use crate::slow_reader::SlowReader;
use crate::stack::Stack;

/// More than the buffer of events and the kernel's buffers of a connection.
const ROUNDS: u64 = 130;

/// F13.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_gets_a_gap_and_others_miss_nothing() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let mut fast = following(&stack.service, &token, &[]).await;
    // Several: one alone may not publish that much.
    let mut tellers = Vec::new();
    for name in ["t1", "t2", "t3", "t4", "t5", "t6"] {
        tellers.push(Impostor::heard(&stack, name, &[]).await);
        fast.until("gap", |event| event["cluster"] == name).await;
    }
    let address = stack.service.listen().await;
    let slow = SlowReader::open(address, "/watch", &token).await;
    let mut line = changes(0, &[("pay", "big")]);
    line["changed"][0]["images"] = json!(["x".repeat(60_000)]);
    for number in 1..=ROUNDS {
        line["sequence"] = json!(number);
        line["changed"][0]["replicas"] = json!(number);
        for (teller, name) in tellers.iter().zip(["t1", "t2", "t3", "t4", "t5", "t6"]) {
            teller.say("workload", line.to_string()).await;
            let seen = async {
                loop {
                    let seen = fast.next().await;
                    assert_ne!(seen.name, "gap", "{name} {number}: {:?}", seen.data);
                    if seen.name == "workload" && seen.data["cluster"] == name {
                        break seen.data;
                    }
                }
            };
            assert_eq!(seen.await["workload"]["replicas"], number);
        }
    }
    let mut slow = slow.hurries().await;
    slow.until("gap", |event| *event == json!({})).await;
    // From there on it continues.
    line["sequence"] = json!(ROUNDS + 1);
    line["changed"][0]["replicas"] = json!(ROUNDS + 1);
    tellers[0].say("workload", line.to_string()).await;
    let last = |event: &Value| event["workload"]["replicas"] == ROUNDS + 1;
    slow.until("workload", last).await;
}
