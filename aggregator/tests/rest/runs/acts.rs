//! What people do with a run.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{quick, restart, run_in, start, targets, with};
use crate::stack::Stack;

/// The first target is watched for a while after its rollout.
fn slow() -> Value {
    let strategy = with(
        quick(),
        json!({ "max_concurrency": 1, "min_success_time": "2s" }),
    );
    with(restart(), json!({ "strategy": strategy }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_run_starts_nothing_more_and_goes_on_once_it_is_resumed() {
    let stack = Stack::start(1).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    let path = start(service, &token, &slow()).await;
    let running = run_in(service, &token, &path, "running").await;
    let stale = service
        .post(&format!("{path}/pause"), &token, &json!({ "revision": 0 }))
        .await;
    assert_eq!(
        (stale.status, stale.code()),
        (StatusCode::CONFLICT, "revision_stale")
    );
    let paused = service
        .post(&format!("{path}/pause"), &token, &json!({}))
        .await;
    assert_eq!(
        (paused.status, &paused.body["desired"]),
        (StatusCode::OK, &json!("pause"))
    );
    let paused = run_in(service, &token, &path, "paused").await;
    assert!(paused["counts"]["pending"].as_u64() > Some(0), "{paused}");
    assert!(paused["revision"].as_u64() > running["revision"].as_u64());
    let again = service
        .post(&format!("{path}/pause"), &token, &json!({}))
        .await;
    assert_eq!(
        (again.status, again.code()),
        (StatusCode::CONFLICT, "run_state")
    );

    let resumed = service
        .post(&format!("{path}/resume"), &token, &json!({}))
        .await;
    assert_eq!(resumed.status, StatusCode::OK, "{resumed:?}");
    let ended = run_in(service, &token, &path, "succeeded").await;
    assert_eq!(ended["counts"]["succeeded"], ended["targets"]);
    let late = service
        .post(&format!("{path}/abort"), &token, &json!({}))
        .await;
    assert_eq!(
        (late.status, late.code()),
        (StatusCode::CONFLICT, "run_state")
    );

    let id = ended["run_id"].as_str().expect("an id");
    for verb in ["run-pause", "run-resume"] {
        let audit = service
            .get(&format!("/audit?run={id}&verb={verb}"), &token)
            .await;
        assert_eq!(audit.body["items"][0]["outcome"], "succeeded", "{verb}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_run_begins_no_further_target_and_can_be_retried() {
    let stack = Stack::start(1).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    let path = start(service, &token, &slow()).await;
    run_in(service, &token, &path, "running").await;
    let aborted = service
        .post(&format!("{path}/abort"), &token, &json!({}))
        .await;
    assert_eq!(aborted.status, StatusCode::OK, "{aborted:?}");
    let aborted = run_in(service, &token, &path, "aborted").await;
    let cancelled = aborted["counts"]["cancelled"].as_u64().expect("some");
    assert!(cancelled > 0, "{aborted}");
    let count = targets(service, &token, &path)
        .await
        .iter()
        .filter(|it| it["attempt"] == 0)
        .count();
    assert_eq!(
        u64::try_from(count).ok(),
        Some(cancelled),
        "they were never begun"
    );

    let none = service
        .post(&format!("{path}/retry"), &token, &json!({}))
        .await;
    assert_eq!(
        (none.status.as_u16(), &none.body["field"]),
        (422, &json!("states")),
        "none has failed"
    );
    let retry = json!({ "states": ["cancelled"] });
    let retried = service.post(&format!("{path}/retry"), &token, &retry).await;
    assert_eq!(
        (retried.status, &retried.body["attempt"]),
        (StatusCode::OK, &json!(2)),
        "{retried:?}"
    );
    let ended = run_in(service, &token, &path, "succeeded").await;
    assert_eq!(ended["counts"], json!({ "succeeded": ended["targets"] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_goes_on_once_somebody_else_has_approved_it_and_stops_if_the_requester_has_lost_the_right()
 {
    let stack = Stack::start(2).await;
    let (service, token) = (&stack.service, stack.service.token("restarter-b").await);
    let admin = service.token("admin").await;
    let canary = json!({ "canary": { "count": 1, "approval": true } });
    let body = with(restart(), json!({ "strategy": with(quick(), canary) }));
    let path = start(service, &token, &body).await;
    let waiting = run_in(service, &token, &path, "pending_approval").await;
    assert_eq!(
        (&waiting["counts"]["succeeded"], &waiting["wave"]),
        (&json!(1), &json!(1)),
        "{waiting}"
    );
    let own = service
        .post(&format!("{path}/approve"), &token, &json!({}))
        .await;
    assert_eq!(
        (own.status, own.code()),
        (StatusCode::FORBIDDEN, "forbidden")
    );
    let viewer = service.token("viewer").await;
    let other = service
        .post(&format!("{path}/approve"), &viewer, &json!({}))
        .await;
    assert_eq!(
        (other.status, other.code()),
        (StatusCode::FORBIDDEN, "forbidden")
    );

    stack.edit_users(|users| users["restarter-b"]["grants"] = json!([]));
    service
        .until("the grants are gone", async || {
            let me = service.get("/me", &token).await;
            (me.status == StatusCode::UNAUTHORIZED || me.body["grants"] == json!([])).then_some(())
        })
        .await;
    let approved = service
        .post(&format!("{path}/approve"), &admin, &json!({}))
        .await;
    assert_eq!(
        (approved.status, &approved.body["approvals"][0]["user"]),
        (StatusCode::OK, &json!("admin"))
    );
    let paused = run_in(service, &admin, &path, "paused").await;
    let detail = paused["detail"].as_str().expect("a detail");
    assert!(detail.starts_with("permission_lost"), "{detail}");
    assert_eq!(paused["counts"]["succeeded"], 1, "nothing more was done");
}
