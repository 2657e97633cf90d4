//! A user who may see some namespaces of a cluster learns nothing of the others: neither their number, nor their names, nor when
//! something happens in them.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::impostor::{Impostor, changes};
use crate::service::Service;
use crate::stack::Stack;
use crate::watcher::{Seen, Watcher};

/// A heartbeat of the agent `teller` that counts so many deployments, each in a namespace that only some may see.
fn counting(deployments: u64) -> String {
    let now = Timestamp::now();
    let condition = |kind: &str| json!({"type": kind, "message": format!("{deployments} in secret"), "since": now});
    json!({"instance": "impostor", "state": "up", "sequence": 1, "sent_at": now, "started_at": now, "agent_version": "0.0.1",
        "verbs": [], "cluster_uid": "teller", "changes": 0,
        "counts": {"namespaces": 9, "deployments": deployments, "health": {"failed": deployments}},
        "conditions": [condition("cache_stale"), condition("plague")]})
    .to_string()
}

async fn cluster(service: &Service, token: &str, name: &str) -> Value {
    let list = service.get("/clusters", token).await;
    let items = list.body["items"].as_array().expect("clusters");
    let found = items.iter().find(|item| item["cluster"] == *name);
    found.expect("it is known").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_and_words_of_hidden_namespaces_are_neither_shown_nor_timed() {
    let stack = Stack::start(1).await;
    let (viewer, pay) = (
        stack.service.token("viewer").await,
        stack.service.token("pay").await,
    );
    let teller = Impostor::heard(&stack, "teller", &[]).await;
    stack.known(&["teller"]).await;
    let open = async |token: &str| {
        Watcher::open(&stack.service, "/watch?cluster=teller", token, None).await
    };
    let (mut whole, mut part) = (open(&viewer).await, open(&pay).await);
    teller.say("heartbeat", counting(100)).await;
    whole
        .until("cluster", |it| it["counts"]["deployments"] == 100)
        .await;

    let seen = cluster(&stack.service, &viewer, "teller").await;
    let kinds = |seen: &Value| {
        let conditions = seen["conditions"].as_array().expect("conditions").iter();
        conditions.map(|it| it["type"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&seen), ["cache_stale", "other"], "{seen}");
    let seen = cluster(&stack.service, &pay, "teller").await;
    assert_eq!(seen["presence"], "online");
    assert_eq!(kinds(&seen), ["cache_stale"], "{seen}");
    let text = seen.to_string();
    assert!(
        !text.contains("counts") && !text.contains("secret"),
        "{text}"
    );

    // The condition is published to both, everything after it only to those who may see the counts.
    part.until("cluster", |it| it["conditions"] != json!([]))
        .await;
    for deployments in 101..105 {
        teller.say("heartbeat", counting(deployments)).await;
        whole
            .until("cluster", |it| it["counts"]["deployments"] == deployments)
            .await;
    }
    let last = [("secret", "hidden"), ("pay", "last")];
    teller.say("workload", changes(2, &last).to_string()).await;
    let published = until_last(&mut part).await;
    let of_clusters: Vec<_> = published.iter().filter(|it| it.name == "cluster").collect();
    // The agent's own heartbeat, without the condition, may have arrived in between; it is sent every five seconds.
    for seen in &of_clusters {
        assert!(seen.data.get("counts").is_none(), "{seen:?}");
    }
    let text = format!("{published:?}");
    assert!(
        !text.contains("hidden") && !text.contains("secret"),
        "{text}"
    );
    assert!(of_clusters.len() <= 2, "{text}");
}

async fn until_last(watcher: &mut Watcher) -> Vec<Seen> {
    let mut published = Vec::new();
    loop {
        let seen = watcher.next().await;
        if seen.data["name"] == "last" {
            return published;
        }
        published.push(seen);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_namespaces_are_cut_from_those_that_may_be_seen() {
    let stack = Stack::start(1).await;
    stack.edit_users(|users| {
        users["restarter-b"]["grants"][0] =
            json!({"role": "viewer", "clusters": ["*"], "namespaces": ["kube-*", "pay"]});
    });
    let token = stack.service.token("restarter-b").await;
    let names = |body: &Value| -> Vec<String> {
        let items = body["items"].as_array().into_iter().flatten();
        items
            .map(|item| item["namespace"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let page = async |limit: u32, after: &str| {
        let path = format!("/namespaces/cluster-a?limit={limit}{after}");
        stack.service.get(&path, &token).await.body
    };
    let both = async || {
        let body = page(2, "").await;
        (names(&body) == ["kube-system", "pay"]).then_some(body)
    };
    let whole = stack.service.until("the grants are read", both).await;
    // There are others before, between and after, and each page has the requested length.
    assert!(whole.get("continue").is_none(), "{whole}");
    let first = page(1, "").await;
    assert_eq!(names(&first), ["kube-system"]);
    assert_eq!(first["continue"], "kube-system");
    let second = page(1, "&continue=kube-system").await;
    assert_eq!(
        (names(&second), second.get("continue")),
        (vec!["pay".to_owned()], None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_the_audit_counts_nothing_and_is_its_readers_alone() {
    let stack = Stack::start(1).await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        tokens.push(stack.service.token("pay").await);
        stack.service.token("nobody").await;
    }
    let (pay, admin) = (&tokens[0], stack.service.token("admin").await);
    let page = async |next: &str, token: &str| {
        let path = format!("/audit?limit=1{next}");
        stack.service.get(&path, token).await
    };
    let (mut next, mut lines) = (String::new(), 0);
    loop {
        let got = page(&next, pay).await;
        assert_eq!(got.status, StatusCode::OK, "{got:?}");
        for line in got.body["items"].as_array().expect("lines") {
            assert_eq!(line["user"], "pay");
            lines += 1;
        }
        let Some(cursor) = got.body["continue"].as_str() else {
            break;
        };
        assert!(
            cursor.len() > 30 && cursor.parse::<u64>().is_err(),
            "{cursor}"
        );
        next = format!("&continue={cursor}");
        let foreign = page(&next, &admin).await;
        assert_eq!(
            (foreign.code(), &foreign.body["field"]),
            ("invalid_request", &json!("continue"))
        );
    }
    assert_eq!(lines, 3);
    let plain = page("&continue=2", &admin).await;
    assert_eq!(plain.body["field"], "continue");
}
