//! Runs that are refused, and why.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{preview, quick, restart, start, with};
use crate::service::Service;
use crate::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_makes_no_sense_is_refused_with_the_field_and_what_would_be_right() {
    let stack = Stack::start(1).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    let strategy = |changed: Value| json!({ "strategy": with(quick(), changed) });
    for (changed, status, field) in [
        (
            json!({ "targets": { "clusters": ["mars-*"] } }),
            422,
            "targets",
        ),
        (
            json!({ "targets": { "clusters": ["Mars"] } }),
            422,
            "targets.clusters[0]",
        ),
        (
            json!({ "targets": { "planets": [] } }),
            422,
            "targets.planets",
        ),
        (
            json!({ "targets": { "exclude": ["db"] } }),
            422,
            "targets.exclude[0]",
        ),
        (json!({ "action": "teleport" }), 422, "action"),
        (json!({ "action": "resume" }), 422, "targets"),
        (json!({ "reason": "a\nb" }), 422, "reason"),
        (
            json!({ "expires_at": "2020-01-01T00:00:00Z" }),
            422,
            "expires_at",
        ),
        (
            strategy(json!({ "max_concurrency": "0%" })),
            422,
            "strategy.max_concurrency",
        ),
        (
            strategy(json!({ "max_concurrency": "101%" })),
            422,
            "strategy.max_concurrency",
        ),
        (
            strategy(json!({ "max_failures": -1 })),
            422,
            "strategy.max_failures",
        ),
        (
            strategy(json!({ "progress_deadline": "soon" })),
            422,
            "strategy.progress_deadline",
        ),
        (
            strategy(json!({ "stages": [{ "name": "eu", "clusters": ["eu-*"] }] })),
            422,
            "strategy.stages",
        ),
        (
            strategy(
                json!({ "stages": [{ "name": "eu", "clusters": ["eu-*"] }, { "name": "rest" }] }),
            ),
            422,
            "strategy.stages[0]",
        ),
    ] {
        let refused = preview(service, &token, &with(restart(), changed.clone())).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.body["field"]),
            (status, &json!(field)),
            "{changed}: {refused:?}"
        );
        assert!(!refused.code().is_empty());
    }
    let unplanned = service.post("/runs", &token, &restart()).await;
    assert_eq!(unplanned.body["field"], "plan_hash", "{unplanned:?}");
    let other = with(restart(), json!({ "plan_hash": "b3" }));
    let other = service.post("/runs", &token, &other).await;
    assert_eq!(
        (other.status, other.code()),
        (StatusCode::CONFLICT, "plan_changed")
    );
    assert_eq!(service.get("/runs", &token).await.body["items"], json!([]));
    for path in ["/runs/none", "/runs/none/targets", "/runs/none/watch"] {
        let none = service.get(path, &token).await;
        assert_eq!(
            (none.status, none.code()),
            (StatusCode::NOT_FOUND, "not_found"),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_of_a_run_is_not_in_another_one_until_that_has_ended() {
    let stack = Stack::start(1).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    let later =
        json!({ "not_before": jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1) });
    let path = start(service, &token, &with(restart(), later)).await;
    let refused = preview(service, &token, &restart()).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::CONFLICT, "workload_in_run")
    );
    let id = path.trim_start_matches("/runs/");
    assert!(
        refused.body["detail"]
            .as_str()
            .expect("a detail")
            .contains(id),
        "{refused:?}"
    );
    service
        .post(&format!("{path}/abort"), &token, &json!({}))
        .await;
    super::run_in(service, &token, &path, "aborted").await;
    start(service, &token, &restart()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_target_that_the_requester_may_not_change_refuses_the_whole_and_what_may_not_be_seen_is_no_target()
 {
    let stack = Stack::start(2).await;
    let service = &stack.service;
    let viewer = service.token("viewer").await;
    let refused = preview(service, &viewer, &restart()).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::FORBIDDEN, "forbidden")
    );
    assert_eq!(refused.body["field"], "targets");

    let restarter = service.token("restarter-b").await;
    let seen = preview(service, &restarter, &restart()).await;
    assert_eq!(
        (seen.status, &seen.body["clusters"]),
        (StatusCode::OK, &json!(1)),
        "{seen:?}"
    );
    let path = start(service, &restarter, &restart()).await;
    super::run_in(service, &restarter, &path, "succeeded").await;
    let pay = service.token("pay").await;
    assert_eq!(service.get(&path, &pay).await.code(), "not_found");
    assert_eq!(service.get("/runs", &pay).await.body["items"], json!([]));
    let viewed = service.get(&path, &viewer).await;
    assert_eq!(
        viewed.status,
        StatusCode::OK,
        "who may see all of its clusters may see it"
    );
    let act = service
        .post(
            &format!("{path}/retry"),
            &viewer,
            &json!({ "states": ["skipped"] }),
        )
        .await;
    assert_eq!(
        (act.status, act.code()),
        (StatusCode::FORBIDDEN, "forbidden")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_a_protected_place_names_its_cluster_and_a_run_says_what_confirms_it() {
    let stack = Stack::start(2).await;
    let mut settings = Service::settings(stack.dir.path(), &stack.nats.url());
    settings.protected_clusters = vec!["cluster-*".parse().expect("a pattern")];
    let service = Service::of(settings).await.expect("the aggregator starts");
    let token = service.token("admin").await;
    service.online(2, &token).await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let one = json!({ "cluster": "cluster-a", "namespace": namespace, "deployment_name": name });
    for confirm in [json!({}), json!({ "confirm": "cluster-b" })] {
        let refused = service
            .post("/restart", &token, &with(one.clone(), confirm))
            .await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (428, "confirmation_required")
        );
        assert_eq!(refused.body["field"], "confirm");
    }
    let audit = service.get("/audit?verb=restart", &token).await;
    assert_eq!(audit.body["items"], json!([]), "nothing was begun");
    let confirmed = with(one, json!({ "confirm": "cluster-a" }));
    let restarted = service.post("/restart", &token, &confirmed).await;
    assert_eq!(restarted.status, StatusCode::OK, "{restarted:?}");

    let preview = preview(&service, &token, &restart()).await;
    assert_eq!(
        preview.body["confirm"], "2 protected clusters",
        "{preview:?}"
    );
    let body = with(restart(), json!({ "plan_hash": preview.body["plan_hash"] }));
    let refused = service.post("/runs", &token, &body).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (428, "confirmation_required")
    );
    let body = with(body, json!({ "confirm": preview.body["confirm"] }));
    let created = service.post("/runs", &token, &body).await;
    assert_eq!(created.status, StatusCode::ACCEPTED, "{created:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_not_change_is_left_out_with_the_reason() {
    let stack = Stack::start(1).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    let (namespace, name) = stack.healthy("cluster-a").await;
    let target = json!({ "cluster": "cluster-a", "namespace": namespace, "deployment_name": name });
    service.post("/pause", &token, &target).await;
    let all = json!({ "action": "restart", "targets": {}, "strategy": quick() });
    let preview = service
        .until("it is seen as paused", async || {
            let preview = preview(service, &token, &all).await;
            let skipped = preview.body["skipped"].as_array()?;
            let left_out = skipped
                .iter()
                .any(|it| it["deployment_name"] == name && it["namespace"] == namespace);
            left_out.then_some(preview)
        })
        .await;
    assert_eq!(
        preview.body["skipped"][0]["reason"],
        "it is paused and would not restart"
    );
    let kinds = preview.body["warnings"].as_array().expect("warnings");
    assert!(
        kinds.iter().all(|it| it["message"].is_string()),
        "{kinds:?}"
    );
}
