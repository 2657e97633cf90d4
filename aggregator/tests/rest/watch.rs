//! What is told to those who watch the fleet.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use xtask::proxy::TcpProxy;

use crate::impostor::{Impostor, changes};
use crate::stack::{Answer, Service, Stack};
use crate::watcher::Watcher;

/// Watches; each of these clusters is followed by then, and all that it tells from now on is told.
async fn following(service: &Service, token: &str, clusters: &[&str]) -> Watcher {
    let mut watcher = Watcher::open(service, "/watch", token, None).await;
    assert_eq!(watcher.next().await.name, "reset");
    for cluster in clusters {
        let one = |event: &Value| event["cluster"] == *cluster;
        watcher.until("gap", one).await;
    }
    watcher
}

/// Whether it is about this deployment.
fn of(event: &Value, cluster: &str, (namespace, name): &(String, String)) -> bool {
    event["cluster"] == cluster
        && event["namespace"] == **namespace
        && event["deployment_name"] == **name
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_seen_by_whoever_watches() {
    let stack = Stack::start(2).await;
    let token = stack.service.token("admin").await;
    let target = stack.healthy("cluster-a").await;
    let mut watcher = Watcher::open(&stack.service, "/watch", &token, None).await;
    assert_eq!(watcher.next().await.data, json!({"reason": "started"}));
    let body = json!({"cluster": "cluster-a", "namespace": target.0, "deployment_name": target.1});
    stack.service.post("/restart", &token, &body).await;
    let restarted = |event: &Value| {
        of(event, "cluster-a", &target) && event["deployment"]["restarted_at"].is_string()
    };
    watcher.until("deployment", restarted).await;
    let healthy = |event: &Value| restarted(event) && event["deployment"]["health"] == "healthy";
    let event = watcher.until("deployment", healthy).await;
    // The very line that the list has.
    let path = format!("/deployments?cluster=cluster-a&namespace={}", target.0);
    let list = stack.service.get(&path, &token).await;
    let items = list.body["items"].as_array().unwrap();
    let line = items
        .iter()
        .find(|item| item["deployment_name"] == *target.1);
    assert_eq!(event["deployment"], *line.unwrap());
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
    let tell = async |number: u64| {
        let name = format!("d{number}");
        let change = changes(number, &[("pay", &name)]).to_string();
        teller.say("deployment", change).await;
    };
    let numbered =
        |number: u64| move |event: &Value| event["deployment_name"] == format!("d{number}");
    for number in 1..=5 {
        tell(number).await;
    }
    watcher.until("deployment", numbered(2)).await;
    let last_id = watcher.last_id.clone();
    drop(watcher);
    let open = async |id: Option<&str>| {
        let path = "/watch?namespace=pay&cluster=teller";
        Watcher::open(&stack.service, path, &token, id).await
    };
    let mut anew = open(last_id.as_deref()).await;
    // It is the id of another question.
    assert_eq!(anew.next().await.data, json!({"reason": "unknown_id"}));
    let mut again = Watcher::open(&stack.service, "/watch", &token, last_id.as_deref()).await;
    let seen = again.next().await;
    assert_eq!((seen.name.as_str(), seen.data), ("resumed", json!({})));
    tell(6).await;
    let mut names = Vec::new();
    while names.len() < 4 {
        let seen = again.next().await;
        if seen.name == "deployment" && seen.data["cluster"] == "teller" {
            names.push(seen.data["deployment_name"].clone());
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

/// A reader that takes nothing at all is as slow as any.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_told_of_a_gap_and_others_miss_nothing() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let mut fast = following(&stack.service, &token, &[]).await;
    // Several: one alone may not tell so much.
    let mut tellers = Vec::new();
    for name in ["t1", "t2", "t3", "t4", "t5", "t6"] {
        tellers.push(Impostor::heard(&stack, name, &[]).await);
        fast.until("gap", |event| event["cluster"] == name).await;
    }
    let mut slow = Watcher::open(&stack.service, "/watch", &token, None).await;
    let mut line = changes(0, &[("pay", "big")]);
    line["changed"][0]["images"] = json!(["x".repeat(60_000)]);
    for number in 1..=110 {
        line["sequence"] = json!(number);
        line["changed"][0]["replicas"] = json!(number);
        for (teller, name) in tellers.iter().zip(["t1", "t2", "t3", "t4", "t5", "t6"]) {
            teller.say("deployment", line.to_string()).await;
            let seen = async {
                loop {
                    let seen = fast.next().await;
                    assert_ne!(seen.name, "gap", "{name} {number}: {:?}", seen.data);
                    if seen.name == "deployment" && seen.data["cluster"] == name {
                        break seen.data;
                    }
                }
            };
            assert_eq!(seen.await["deployment"]["replicas"], number);
        }
    }
    slow.until("gap", |event| *event == json!({})).await;
    // From there on it goes on.
    line["sequence"] = json!(111);
    line["changed"][0]["replicas"] = json!(111);
    tellers[0].say("deployment", line.to_string()).await;
    let last = |event: &Value| event["deployment"]["replicas"] == 111;
    slow.until("deployment", last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_of_what_the_reader_may_not_see() {
    let stack = Stack::start(2).await;
    // In the namespace pay of all clusters; in all of cluster-b.
    let (pay, b) = (
        stack.service.token("pay").await,
        stack.service.token("restarter-b").await,
    );
    let admin = stack.service.token("admin").await;
    let mut admin = following(&stack.service, &admin, &[]).await;
    let mut pay = following(&stack.service, &pay, &[]).await;
    let mut b = following(&stack.service, &b, &[]).await;
    let teller = Impostor::heard(&stack, "teller", &[]).await;
    admin
        .until("gap", |event| event["cluster"] == "teller")
        .await;
    let all = [
        ("secret", "hidden"),
        ("pay", "open"),
        ("secret", "hidden-2"),
        ("pay", "last"),
    ];
    teller
        .say("deployment", changes(14, &all).to_string())
        .await;
    let gap = admin
        .until("gap", |event| event["cluster"] == "teller")
        .await;
    assert_eq!(gap, json!({"cluster": "teller", "missed": 10}));
    admin
        .until("deployment", |event| event["deployment_name"] == "last")
        .await;
    let mut told = Vec::new();
    loop {
        let seen = pay.next().await;
        let last = seen.data["deployment_name"] == "last";
        told.push(seen);
        if last {
            break;
        }
    }
    let text = format!("{told:?}");
    assert!(
        !text.contains("hidden") && !text.contains("secret") && !text.contains("missed"),
        "{text}"
    );
    assert!(text.contains("open"));
    // Whoever sees cluster-b alone is told of it, and of no other.
    let mut agents = stack.agents;
    agents.remove(1).stop().await;
    loop {
        let seen = b.next().await;
        assert_eq!(seen.data["cluster"], "cluster-b", "{seen:?}");
        if seen.data["presence"] == "offline" {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_lost_comes_back_and_is_forgotten_is_told_of_each_time() {
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
async fn a_stream_ends_with_its_session_and_says_so() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let mut watcher = following(&stack.service, &token, &[]).await;
    stack.service.post_text("/logout", &token, "").await;
    let problem = watcher.until("problem", |_| true).await;
    assert_eq!(problem["code"], "unauthenticated");
    assert!(watcher.try_next().await.is_none());
    let refused = Watcher::try_open(&stack.service, "/watch", &token, None).await;
    assert_eq!(refused.err().unwrap().code(), "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_so_many_streams_and_a_wrong_question_is_named() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    for (query, field) in [
        ("cluster=A_", "cluster"),
        ("namespace=a,b.", "namespace"),
        ("q=x", "q"),
    ] {
        let answer = stack.service.get(&format!("/watch?{query}"), &token).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::BAD_REQUEST, "invalid_request")
        );
        assert_eq!(answer.body["field"], field);
    }
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(following(&stack.service, &token, &[]).await);
    }
    let refused = stack.service.get("/watch", &token).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::TOO_MANY_REQUESTS, "rate_limited")
    );
    let others = stack.service.token("viewer").await;
    following(&stack.service, &others, &[]).await;
    open.pop();
    let again = async || {
        Watcher::try_open(&stack.service, "/watch", &token, None)
            .await
            .ok()
    };
    stack.service.until("there is a place again", again).await;
}

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
        hostile.say("deployment", wrong).await;
        if last {
            let missed = u64::MAX - 1;
            let gap = watcher
                .until("gap", |event| event["cluster"] == *name)
                .await;
            assert_eq!(gap["missed"], missed);
            // What does not go on from there is not counted as it should be.
            let two = [("pay", "x"), ("pay", "y")];
            hostile
                .say("deployment", changes(u64::MAX, &two).to_string())
                .await;
            continue;
        }
        let misbehaves = |event: &Value| {
            event["cluster"] == *name && event["conditions"][0]["type"] == "misbehaving"
        };
        watcher.until("cluster", misbehaves).await;
    }
    let body = json!({"cluster": "cluster-a", "namespace": target.0, "deployment_name": target.1});
    stack.service.post("/restart", &token, &body).await;
    watcher
        .until("deployment", |event| of(event, "cluster-a", &target))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_one_cluster_leaves_the_others_their_places() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let target = stack.healthy("cluster-a").await;
    let mut watcher = following(&stack.service, &token, &[]).await;
    let known = watcher.last_id.clone().unwrap();
    let flood = Impostor::heard(&stack, "flood", &[]).await;
    watcher
        .until("gap", |event| event["cluster"] == "flood")
        .await;
    // Twice as much as is kept of all clusters together.
    let names: Vec<String> = (0..400).map(|number| format!("d{number}")).collect();
    let items: Vec<(&str, &str)> = names.iter().map(|name| ("pay", name.as_str())).collect();
    for number in 1..=1100_u64 {
        let change = changes(number * 400, &items).to_string();
        flood.say("deployment", change).await;
    }
    let body = json!({"cluster": "cluster-a", "namespace": target.0, "deployment_name": target.1});
    stack.service.post("/restart", &token, &body).await;
    watcher
        .until("deployment", |event| of(event, "cluster-a", &target))
        .await;
    let mut late = Watcher::open(&stack.service, "/watch", &token, Some(&known)).await;
    assert_eq!(late.next().await.name, "resumed");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_agents_of_a_cluster_each_change_is_told_once() {
    let mut stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let target = stack.healthy("cluster-a").await;
    let mut watcher = following(&stack.service, &token, &[]).await;
    let second = stack.agent("cluster-a", "cluster-a", &stack.nats.url());
    let both = |event: &Value| event["agents"] == 2;
    watcher.until("cluster", both).await;
    let body = json!({"cluster": "cluster-a", "namespace": target.0, "deployment_name": target.1});
    let mut told = Vec::new();
    for _ in 0..2 {
        stack.service.post("/restart", &token, &body).await;
        loop {
            let seen = watcher.next().await;
            assert_ne!(seen.name, "gap", "{:?}", seen.data);
            if seen.name != "deployment" || !of(&seen.data, "cluster-a", &target) {
                continue;
            }
            let healthy = seen.data["deployment"]["health"] == "healthy"
                && seen.data["deployment"]["restarted_at"].is_string();
            told.push(seen.data);
            if healthy {
                break;
            }
        }
    }
    // Each line is another one than that before it: told twice, it would stand here twice.
    for pair in told.windows(2) {
        assert_ne!(pair[0], pair[1], "{told:?}");
    }
    // With the one gone that was followed, whichever it was, the other one is.
    stack.agents.remove(0).stop().await;
    watcher.until("cluster", |event| event["agents"] == 1).await;
    second.stop().await;
    watcher.until("cluster", |event| event["agents"] == 0).await;
}

/// Whatever happened while it was cut off is missed, and said to be.
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
    // The agent has long seen that something changes when all of it has.
    let done =
        async || (ask("GET", Value::Null).await["status"]["readyReplicas"] == 5).then_some(());
    stack.service.until("five replicas", done).await;
    proxy.heal();
    watcher
        .until("gap", |event| event["cluster"] == "cluster-a")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_cluster_that_claims_anothers_name_nothing_is_told() {
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
        if seen.name != "deployment" {
            continue;
        }
        assert_eq!(seen.data["cluster"], "cluster-b", "{seen:?}");
        let line = &seen.data["deployment"];
        if line["health"] == "healthy" && line["restarted_at"].is_string() {
            break;
        }
    }
}
