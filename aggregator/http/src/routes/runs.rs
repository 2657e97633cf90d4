//! `POST /runs`, `GET /runs` and what is below: changes of many workloads.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bus_schema::Reason;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::caller::Caller;
use crate::event_stream;
use crate::extract;
use crate::openapi::OwnProblem;
use crate::problem_response::ProblemResponse;
use ::runs::{
    Consent, RunId, RunPage, RunPreview, RunSpec, RunView, Strategy, TargetPage, TargetSelector,
    TargetState,
};
use diagnostics::{Problem, ProblemCode};
use limits::Stream;

mod acts;

pub use acts::*;

/// Most runs, and most targets, of a page.
const MOST: u32 = 1000;

/// A change of many workloads.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"action": "restart", "reason": "TLS rotation", "dry_run": true,
    "targets": {"clusters": ["prod-*"], "namespaces": ["shop-*"], "image": ":1.4", "exclude": ["prod-7/shop/db"]},
    "strategy": {"max_concurrency": "10%", "canary": {"count": 2}, "max_failures": "2%"}}))]
pub struct RunRequest {
    /// The change, by its verb: `restart`, `pause` and so on.
    action: String,
    /// The parameters of the change, beside the workload; none for `restart`.
    #[serde(default)]
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
    /// Why, for the audit: one line of at most 500 characters.
    #[schema(nullable = false)]
    reason: Option<Reason>,
    /// The workloads.
    targets: TargetSelector,
    /// How. The defaults are careful: a canary of one, then 10 % at once, and the first failure pauses the run.
    #[serde(default)]
    strategy: Strategy,
    /// Not to be started before this time.
    #[schema(nullable = false)]
    not_before: Option<Timestamp>,
    /// After this time nothing more is started; a week after its creation if absent.
    #[schema(nullable = false)]
    expires_at: Option<Timestamp>,
    /// Only show what would be done.
    #[serde(default)]
    dry_run: bool,
    /// The `plan_hash` of the preview; required unless `dry_run` is true.
    #[schema(nullable = false)]
    plan_hash: Option<String>,
    /// The `confirm` of the preview, if it has one.
    #[schema(nullable = false)]
    confirm: Option<String>,
}

/// Which run.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct RunPath {
    /// Its id.
    run_id: RunId,
}

/// Filters and the page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunFilter {
    /// Of this user.
    user: Option<String>,
    /// `true`: only those that have not ended.
    active: Option<bool>,
    /// At most this many, 100 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// The `continue` of the previous page.
    #[serde(rename = "continue")]
    next: Option<RunId>,
}

/// Filters and the page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TargetFilter {
    /// In one of these states.
    #[param(value_type = Option<Vec<TargetState>>, style = Form, explode = false, min_items = 1)]
    state: Option<String>,
    /// At most this many, 1000 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// The `continue` of the previous page.
    #[serde(rename = "continue")]
    next: Option<u32>,
}

/// Change many workloads
///
/// With `dry_run` the response is a preview: which workloads, in which waves, what is left out and why. Send the same again with
/// `"dry_run": false` and the preview's `plan_hash` to start the run; if the workloads are others by then, it is refused with `plan_changed`. A
/// run goes on without its caller: one wave after the other, each rollout watched to its end, and stops when too many targets have failed.
#[utoipa::path(post, path = "/runs", tag = "Runs", request_body = RunRequest,
    responses((status = 200, description = "What the run would do", body = RunPreview),
        (status = 202, description = "The run was created; `Location` is its path", body = RunView), ProblemResponse))]
pub async fn create_run(
    State(app): State<App>,
    caller: Caller,
    extract::Json(request): extract::Json<RunRequest>,
) -> Result<Response, ProblemResponse> {
    let (dry_run, plan_hash) = (request.dry_run, request.plan_hash.clone());
    let confirm = request.confirm.clone();
    let spec = RunSpec {
        action: request.action,
        parameters: request.parameters,
        reason: request.reason,
        targets: request.targets,
        strategy: request.strategy,
        not_before: request.not_before,
        expires_at: request.expires_at,
    };
    if dry_run {
        let preview = app.runs.preview(&caller.principal, &spec).await?;
        return Ok(Json(preview).into_response());
    }
    let Some(plan_hash) = plan_hash else {
        let detail = "plan_hash: preview the run with \"dry_run\": true, and send the plan_hash of the response";
        return Err(Problem::new(ProblemCode::InvalidValue, detail)
            .field("plan_hash")
            .into());
    };
    let consent = Consent {
        plan_hash: Some(&plan_hash),
        confirm: confirm.as_deref(),
    };
    let run = app
        .runs
        .create(&caller.principal, &caller.source, spec, consent);
    accepted(&RunView::from(&*run.await?))
}

/// The response to a call that has created a run.
pub fn accepted(run: &RunView) -> Result<Response, ProblemResponse> {
    let location = HeaderValue::from_str(&format!("/runs/{}", run.run_id));
    let location = location.map_err(|_| {
        Problem::new(
            ProblemCode::Internal,
            "the id of the run is not legal in a header",
        )
    })?;
    let headers = [(header::LOCATION, location)];
    Ok((StatusCode::ACCEPTED, headers, Json(run)).into_response())
}

/// Runs
///
/// Newest first; those of the last 30 days. The caller sees their own, and those of others if they may see all of each cluster.
#[utoipa::path(get, path = "/runs", tag = "Runs", params(RunFilter),
    responses((status = 200, description = "The runs", body = RunPage), OwnProblem))]
pub async fn list_runs(
    State(app): State<App>,
    caller: Caller,
    extract::Query(filter): extract::Query<RunFilter>,
) -> Result<Json<RunPage>, ProblemResponse> {
    let limit = limit(filter.limit, 100)?;
    let only = |run: &::runs::Run| {
        filter.user.as_ref().is_none_or(|user| *user == run.user)
            && filter
                .active
                .is_none_or(|active| active != run.state.is_ended())
    };
    Ok(Json(app.runs.page(
        &caller.principal,
        only,
        limit,
        filter.next.as_ref(),
    )))
}

/// A run
#[utoipa::path(get, path = "/runs/{run_id}", tag = "Runs", params(RunPath),
    responses((status = 200, description = "The run", body = RunView), OwnProblem))]
pub async fn get_run(
    State(app): State<App>,
    caller: Caller,
    extract::Path(RunPath { run_id }): extract::Path<RunPath>,
) -> Result<Json<RunView>, ProblemResponse> {
    let run = app.runs.find(&caller.principal, &run_id)?;
    Ok(Json(RunView::from(&*run)))
}

/// The targets of a run
///
/// In the order in which they are begun.
#[utoipa::path(get, path = "/runs/{run_id}/targets", tag = "Runs", params(RunPath, TargetFilter),
    responses((status = 200, description = "The targets", body = TargetPage), OwnProblem))]
pub async fn list_run_targets(
    State(app): State<App>,
    caller: Caller,
    extract::Path(RunPath { run_id }): extract::Path<RunPath>,
    extract::Query(filter): extract::Query<TargetFilter>,
) -> Result<Json<TargetPage>, ProblemResponse> {
    let limit = limit(filter.limit, MOST)?;
    let states = filter.state.as_deref().map_or(Ok(Vec::new()), states)?;
    let from = filter.next.unwrap_or_default();
    let page = app
        .runs
        .targets(&caller.principal, &run_id, &states, limit, from);
    Ok(Json(page.await?))
}

/// Watch a run
///
/// Server-sent events with ids: `run` with the run and `target` with a target, each at first as it is now, if it was begun, and then
/// whenever it changes. After a reconnection with `Last-Event-ID` the stream continues after that event. It ends when the run has ended.
#[utoipa::path(get, path = "/runs/{run_id}/watch", tag = "Runs",
    params(RunPath, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event received.")),
    responses((status = 200, description = "Events: what changes", content_type = "text/event-stream", body = RunView), OwnProblem))]
pub async fn watch_run(
    State(app): State<App>,
    caller: Caller,
    extract::Path(RunPath { run_id }): extract::Path<RunPath>,
    headers: HeaderMap,
) -> Result<Response, ProblemResponse> {
    // An id that is not one of this stream begins it anew.
    let last = headers.get("last-event-id");
    let last = last
        .and_then(|id| id.to_str().ok()?.parse().ok())
        .unwrap_or(0);
    let permit = caller.acquire(Stream::Rollout)?;
    let mut changes = app.runs.events(&caller.principal, &run_id, last).await?;
    Ok(event_stream::respond(&app, &caller, |events| async move {
        let _permit = permit;
        while let Some((event, has_ended)) = changes.next().await {
            events.forward(event).await;
            if has_ended {
                return;
            }
        }
    }))
}

fn limit(limit: Option<u32>, default: u32) -> Result<usize, Problem> {
    match limit.unwrap_or(default) {
        limit @ 1..=MOST => Ok(usize::try_from(limit).unwrap_or(usize::MAX)),
        _ => Err(wrong("limit", format!("use 1 to {MOST}"))),
    }
}

fn states(text: &str) -> Result<Vec<TargetState>, Problem> {
    let state = |word: &str| {
        let state = serde_json::from_value(Value::from(word));
        state.map_err(|_| {
            wrong(
                "state",
                format!("\"{}\" is not a state of a target", word.escape_default()),
            )
        })
    };
    text.split(',').map(state).collect()
}

fn wrong(field: &str, why: impl std::fmt::Display) -> Problem {
    let detail = format!("{field}: {why}");
    Problem::new(ProblemCode::InvalidRequest, detail).field(field)
}
