//! Creation beside other creations, and room for new runs.

use std::time::Duration;

use axum::http::StatusCode;
use futures::future::join_all;
use serde_json::{Value, json};

use super::{preview, restart, run_in, start, with};
use crate::metrics::scrape;
use crate::service::Service;
use crate::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn of_two_runs_that_are_created_at_once_only_one_gets_a_workload() {
    let stack = Stack::start(1).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    let later = jiff::Timestamp::now() + Duration::from_hours(1);
    let body = with(restart(), json!({ "not_before": later }));
    let plan = preview(service, &token, &body).await.body;
    let body = with(body, json!({ "plan_hash": plan["plan_hash"] }));
    // Neither replica knows at once what the other one has created.
    let other = Service::start(&stack.dir, &stack.nats.url()).await;
    other.online(1, &token).await;
    let create = |number: usize| [service, &other][number % 2].post("/runs", &token, &body);
    let answers = join_all((0..8).map(create)).await;
    let count = |status| answers.iter().filter(|it| it.status == status).count();
    let created = (count(StatusCode::ACCEPTED), count(StatusCode::CONFLICT));
    assert_eq!(created, (1, 7), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_record_is_damaged_is_shown_as_that_and_others_go_on() {
    let stack = Stack::start(1).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    let bus = async_nats::jetstream::new(stack.admin().await);
    let bucket = bus.get_key_value("runs").await.expect("the bucket");
    for (key, value) in [
        ("torn.run", "{\"id\":\"to"),
        ("foreign.run", "[]"),
        ("no key", ""),
    ] {
        let stored = bus.publish(format!("$KV.runs.{}", key.replace(' ', "/")), value.into());
        stored
            .await
            .expect("a connection")
            .await
            .expect("it is stored");
    }
    let damaged = service
        .until("they are shown as damaged", async || {
            let page = service.get("/runs", &token).await.body;
            (page["damaged"].as_array().map(Vec::len) == Some(2)).then_some(page["damaged"].clone())
        })
        .await;
    assert_eq!(damaged, json!(["foreign", "torn"]));
    let torn = service.get("/runs/torn", &token).await;
    assert_eq!((torn.status.as_u16(), torn.code()), (500, "internal"));
    let detail = torn.body["detail"].as_str().expect("a detail");
    assert!(detail.contains("bus records"), "{detail}");

    let path = start(service, &token, &restart()).await;
    run_in(service, &token, &path, "succeeded").await;
    bucket.delete("torn.run").await.expect("the bucket");
    service
        .until("one is gone", async || {
            let page = service.get("/runs", &token).await.body;
            (page["damaged"] == json!(["foreign"])).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_runs_make_room_for_new_ones_and_go_with_all_of_their_records() {
    let stack = Stack::start(1).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    let path = start(service, &token, &restart()).await;
    run_in(service, &token, &path, "succeeded").await;
    let samples = scrape(service).await;
    assert_eq!(samples[r#"aggregator_runs{state="succeeded"}"#], 1.0);
    assert_eq!(samples[r#"aggregator_runs{state="running"}"#], 0.0);
    let admin = stack.admin().await;
    let bus = async_nats::jetstream::new(admin);
    let bucket = bus.get_key_value("runs").await.expect("the bucket");
    let (_, id) = path.rsplit_once('/').expect("an id");
    let newest = bucket.get(format!("{id}.run")).await.expect("the bucket");
    let newest: Value = serde_json::from_slice(&newest.expect("the run")).expect("JSON");
    // Older ones, of one target each.
    for number in 0..1000 {
        let id = format!("old-{number}");
        let second = 1_000_000 + number;
        let ended = jiff::Timestamp::from_second(second).expect("a time");
        let older =
            json!({ "id": id, "targets": 1, "ended_at": ended, "counts": { "succeeded": 1 } });
        let older = with(newest.clone(), older);
        for key in ["target.0", "plan.0", "notified", "run"] {
            let stored = bucket
                .put(format!("{id}.{key}"), older.to_string().into())
                .await;
            stored.expect("it is stored");
        }
    }
    service
        .until("they are known", async || {
            let last = service.get("/runs/old-999", &token).await;
            (last.status == StatusCode::OK).then_some(())
        })
        .await;
    // 1,001 are stored, and another one comes.
    let plan = preview(service, &token, &restart()).await;
    assert_eq!(plan.status, StatusCode::OK, "{plan:?}");
    start(service, &token, &restart()).await;
    for gone in ["old-0", "old-1"] {
        service
            .until("it is gone", async || {
                let run = service.get(&format!("/runs/{gone}"), &token).await;
                (run.status == StatusCode::NOT_FOUND).then_some(())
            })
            .await;
        for key in ["target.0", "plan.0", "notified", "run"] {
            let key = format!("{gone}.{key}");
            let is_gone = async || {
                let stored = bucket.get(&key).await.expect("the bucket");
                stored.is_none().then_some(())
            };
            service.until(&format!("{key} is gone"), is_gone).await;
        }
    }
    for kept in ["/runs/old-2", &path] {
        let run = service.get(kept, &token).await;
        assert_eq!(run.status, StatusCode::OK, "{kept}");
    }
}
