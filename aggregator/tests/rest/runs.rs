//! Runs: many workloads, in waves, each changed once.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::service::{Answer, Service};
use crate::stack::Stack;

mod acts;
mod events;
mod faults;
mod notifications;
mod refused;
mod retention;
mod undo;

/// A strategy that does not wait longer than a test has to.
fn quick() -> Value {
    json!({ "min_success_time": "0s", "max_concurrency": 4, "max_concurrency_per_cluster": 2 })
}

/// A restart of all healthy deployments.
fn restart() -> Value {
    json!({ "action": "restart", "targets": { "health": ["healthy"] }, "strategy": quick() })
}

fn with(mut body: Value, changed: Value) -> Value {
    let fields = changed.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(fields);
    body
}

async fn preview(service: &Service, token: &str, body: &Value) -> Answer {
    let preview = with(body.clone(), json!({ "dry_run": true }));
    service.post("/runs", token, &preview).await
}

/// Previews a run, and starts it; returns its path.
async fn start(service: &Service, token: &str, body: &Value) -> String {
    let preview = preview(service, token, body).await;
    assert_eq!(preview.status, StatusCode::OK, "{preview:?}");
    let body = with(
        body.clone(),
        json!({ "plan_hash": preview.body["plan_hash"] }),
    );
    let created = service.post("/runs", token, &body).await;
    assert_eq!(created.status, StatusCode::ACCEPTED, "{created:?}");
    let location = created.headers["location"].to_str().expect("a path");
    location.to_owned()
}

/// The run once it is in this state.
async fn run_in(service: &Service, token: &str, path: &str, state: &str) -> Value {
    service
        .until(&format!("the run is {state}"), async || {
            let run = service.get(path, token).await.body;
            (run["state"] == state).then_some(run)
        })
        .await
}

async fn targets(service: &Service, token: &str, path: &str) -> Vec<Value> {
    let page = service.get(&format!("{path}/targets"), token).await;
    page.body["items"].as_array().expect("targets").clone()
}

/// The revision of each healthy deployment, by cluster, namespace and name.
async fn revisions(service: &Service, token: &str) -> BTreeMap<String, u64> {
    let list = service.get("/deployments?health=healthy", token).await;
    let mut revisions = BTreeMap::new();
    for item in list.body["items"].as_array().expect("deployments") {
        let of = |field: &str| item[field].as_str().expect("a name").to_owned();
        let (cluster, namespace, name) = (of("cluster"), of("namespace"), of("deployment_name"));
        let path = format!("/workloads/{cluster}/{namespace}/Deployment/{name}");
        let workload = service.get(&path, token).await;
        let revision = workload.body["revision"].as_u64().expect("a revision");
        revisions.insert(format!("{cluster}/{namespace}/{name}"), revision);
    }
    revisions
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_changes_each_workload_of_its_preview_once_and_the_audit_has_all_of_it() {
    let stack = Stack::start(3).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    let before = revisions(service, &token).await;
    let preview = preview(service, &token, &restart()).await;
    assert_eq!(preview.body["targets"], before.len(), "{preview:?}");
    assert_eq!(preview.body["stages"][0]["name"], "canary");
    assert_eq!(preview.body["stages"][0]["wave_sizes"], json!([1]));

    let reason = json!({ "reason": "TLS rotation" });
    let path = start(service, &token, &with(restart(), reason)).await;
    let run = run_in(service, &token, &path, "succeeded").await;
    assert_eq!(run["counts"], json!({ "succeeded": before.len() }));
    let expected: BTreeMap<_, _> = before
        .into_iter()
        .map(|(path, revision)| (path, revision + 1))
        .collect();
    assert_eq!(
        revisions(service, &token).await,
        expected,
        "one new revision of each"
    );

    let id = run["run_id"].as_str().expect("an id");
    let audit = service
        .get(&format!("/audit?run={id}&limit=500"), &token)
        .await;
    let lines = audit.body["items"].as_array().expect("lines");
    let succeeded = |verb: &str| {
        let of = |line: &&Value| line["verb"] == verb && line["outcome"] == "succeeded";
        lines.iter().filter(of).count()
    };
    assert_eq!(
        (succeeded("restart"), succeeded("run"), lines.len()),
        (expected.len(), 1, expected.len() + 1)
    );
    let created = lines
        .iter()
        .find(|line| line["verb"] == "run")
        .expect("its creation");
    assert!(
        lines.iter().all(|line| line["reason"] == "TLS rotation"),
        "{created}"
    );

    let waves: Vec<_> = targets(service, &token, &path)
        .await
        .iter()
        .map(|it| it["wave"].as_u64())
        .collect();
    assert!(waves.is_sorted(), "{waves:?}");
    let listed = service.get("/runs", &token).await;
    assert_eq!(listed.body["items"][0]["run_id"], id);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_stream_of_a_run_tells_of_each_target_and_ends_with_the_run() {
    let stack = Stack::start(1).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    let path = start(service, &token, &restart()).await;
    let stream = service.get_text(&format!("{path}/watch"), &token).await;
    let events: Vec<(&str, Value)> = events(&stream);
    let (last, run) = events.last().expect("events");
    assert_eq!((*last, &run["state"]), ("run", &json!("succeeded")));
    let ended = events
        .iter()
        .filter(|(name, target)| *name == "target" && target["state"] == "succeeded");
    assert_eq!(
        Some(ended.count()),
        run["targets"]
            .as_u64()
            .and_then(|it| usize::try_from(it).ok())
    );

    let last_id = stream
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("id: "))
        .expect("an id");
    let begin = stream
        .lines()
        .find_map(|line| line.strip_prefix("id: "))
        .expect("an id");
    assert!(begin.parse::<u64>().expect("a number") < last_id.parse().expect("a number"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_without_a_name_is_a_run_of_the_namespace_or_of_the_whole_cluster() {
    let stack = Stack::start(2).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    let (namespace, name) = stack.healthy("cluster-a").await;
    let started = async |body: Value| {
        let created = service.post("/restart", &token, &body).await;
        assert_eq!(created.status, StatusCode::ACCEPTED, "{created:?}");
        let path = created.headers["location"]
            .to_str()
            .expect("a path")
            .to_owned();
        let aborted = service
            .post(&format!("{path}/abort"), &token, &json!({}))
            .await;
        assert_eq!(aborted.status, StatusCode::OK, "{aborted:?}");
        service
            .until("the run has ended", async || {
                let run = service.get(&path, &token).await.body;
                run["ended_at"].is_string().then_some(())
            })
            .await;
        let targets = targets(service, &token, &path).await.into_iter();
        let place = |target: Value| {
            format!("{}/{}", target["cluster"], target["namespace"]).replace('"', "")
        };
        targets.map(place).collect::<BTreeSet<_>>()
    };
    let of_namespace = json!({ "cluster": "cluster-a", "namespace": namespace });
    let only = BTreeSet::from([format!("cluster-a/{namespace}")]);
    assert_eq!(started(of_namespace).await, only);
    let of_cluster = started(json!({ "cluster": "cluster-a", "reason": "a new CA" })).await;
    assert!(
        of_cluster.len() > 1 && of_cluster.iter().all(|it| it.starts_with("cluster-a/")),
        "{of_cluster:?}"
    );
    for (body, field) in [
        (
            json!({ "cluster": "cluster-a", "deployment_name": name }),
            "namespace",
        ),
        (
            json!({ "cluster": "cluster-a", "namespace": namespace, "deployment_name": name, "label_selector": "a=b" }),
            "label_selector",
        ),
        (
            json!({ "cluster": "cluster-a", "label_selector": "no=match" }),
            "targets",
        ),
    ] {
        let refused = service.post("/restart", &token, &body).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.body["field"]),
            (422, &json!(field)),
            "{refused:?}"
        );
    }
}

/// The names and the data of server-sent events.
fn events(stream: &str) -> Vec<(&str, Value)> {
    let event = |text: &'_ str| {
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::to_owned)
        };
        let data = field("data: ")?;
        Some((
            field("event: ")?,
            serde_json::from_str(&data).expect("JSON"),
        ))
    };
    let named = stream.split("\n\n").filter_map(event);
    named
        .map(|(name, data): (String, Value)| (if name == "run" { "run" } else { "target" }, data))
        .collect()
}
