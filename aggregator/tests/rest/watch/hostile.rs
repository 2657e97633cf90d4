//! Clusters that publish changes to do harm.

use serde_json::{Value, json};

use super::{following, of};
use crate::impostor::{Impostor, changes};
use crate::stack::Stack;
use crate::watcher::Watcher;

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_feed_is_its_own_clusters_trouble() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let target = stack.healthy("cluster-a").await;
    let mut watcher = following(&stack.service, &token, &[]).await;
    let mut nonsense = vec![
        String::new(),
        "\u{0}no".to_owned(),
        "[]".to_owned(),
        format!(
            r#"{{"instance":"impostor","sequence":1,"changed":{}"#,
            "[".repeat(50_000)
        ),
        format!(
            r#"{{"instance":"impostor","sequence":1,"gone":[{}0]}}"#,
            "0,".repeat(30_000)
        ),
        " ".repeat(100_000),
        changes(3, &[("Not_A_Namespace", "x")]).to_string(),
        changes(3, &[("pay", "x/../y")]).to_string(),
        // More changes than it has counted.
        changes(1, &[("pay", "x"), ("pay", "y")]).to_string(),
        json!({"instance": "impostor", "sequence": -1}).to_string(),
    ];
    nonsense.push(changes(u64::MAX, &[("pay", "max")]).to_string());
    for (number, wrong) in nonsense.into_iter().enumerate() {
        let name = format!("hostile-{number}");
        let hostile = Impostor::heard(&stack, &name, &[]).await;
        watcher
            .until("gap", |event| event["cluster"] == *name)
            .await;
        let last = wrong.contains("max");
        hostile.say("workload", wrong).await;
        if last {
            let missed = u64::MAX - 1;
            let gap = watcher
                .until("gap", |event| event["cluster"] == *name)
                .await;
            assert_eq!(gap["missed"], missed);
            // A number that does not continue from there is a miscount.
            let two = [("pay", "x"), ("pay", "y")];
            hostile
                .say("workload", changes(u64::MAX, &two).to_string())
                .await;
            continue;
        }
        let protocol_violation = |event: &Value| {
            event["cluster"] == *name && event["conditions"][0]["type"] == "misbehaving"
        };
        watcher.until("cluster", protocol_violation).await;
    }
    let body = json!({"cluster": "cluster-a", "namespace": target.0, "deployment_name": target.1});
    stack.service.post("/restart", &token, &body).await;
    watcher
        .until("workload", |event| of(event, "cluster-a", &target))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_one_cluster_evicts_no_events_of_others() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let target = stack.healthy("cluster-a").await;
    let mut watcher = following(&stack.service, &token, &[]).await;
    let known = watcher.last_id.clone().unwrap();
    let flood = Impostor::heard(&stack, "flood", &[]).await;
    watcher
        .until("gap", |event| event["cluster"] == "flood")
        .await;
    // Twice as much as is buffered for all clusters together.
    let names: Vec<String> = (0..400).map(|number| format!("d{number}")).collect();
    let items: Vec<(&str, &str)> = names.iter().map(|name| ("pay", name.as_str())).collect();
    // Written once: slow messages are not a flood.
    let change = changes(0, &items).to_string();
    for number in 1..=500_u64 {
        let counted = format!(r#""sequence":{}"#, number * 400);
        let change = change.replacen(r#""sequence":0"#, &counted, 1);
        flood.say("workload", change).await;
    }
    let body = json!({"cluster": "cluster-a", "namespace": target.0, "deployment_name": target.1});
    stack.service.post("/restart", &token, &body).await;
    watcher
        .until("workload", |event| of(event, "cluster-a", &target))
        .await;
    let mut late = Watcher::open(&stack.service, "/watch", &token, Some(&known)).await;
    assert_eq!(late.next().await.name, "resumed");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_published_of_a_cluster_that_claims_anothers_name() {
    let mut stack = Stack::start(2).await;
    let token = stack.service.token("admin").await;
    let target = stack.healthy("cluster-b").await;
    let mut watcher = following(&stack.service, &token, &[]).await;
    let rival = stack.agent("cluster-a", "cluster-b", &stack.nats.url());
    stack.agents.push(rival);
    let contested = |event: &Value| {
        event["cluster"] == "cluster-a" && event["conditions"][0]["type"] == "identity_conflict"
    };
    watcher.until("cluster", contested).await;
    let body = json!({"cluster": "cluster-b", "namespace": target.0, "deployment_name": target.1});
    stack.service.post("/restart", &token, &body).await;
    loop {
        let seen = watcher.next().await;
        if seen.name != "workload" {
            continue;
        }
        assert_eq!(seen.data["cluster"], "cluster-b", "{seen:?}");
        let line = &seen.data["workload"];
        if line["health"] == "healthy" && line["restarted_at"].is_string() {
            break;
        }
    }
}
