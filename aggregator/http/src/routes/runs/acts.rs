//! What people do with a run: pause, resume, abort, approve, retry.

use axum::Json;
use axum::extract::State;
use bus_schema::OperationId;
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use utoipa::ToSchema;

use super::RunPath;
use crate::app::App;
use crate::caller::Caller;
use crate::extract;
use crate::openapi::OwnProblem;
use crate::problem_response::ProblemResponse;
use ::runs::{Act, RetryStates, RunId, RunView};

/// The run as the caller has seen it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"revision": 4}))]
pub struct ActRequest {
    /// The `revision` of the run; the call is refused if the run has another one now. Leave it out to act in any case.
    #[schema(nullable = false)]
    #[serde(default, deserialize_with = "whole_number")]
    revision: Option<u64>,
}

/// Which targets to begin again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"states": ["failed", "unknown"], "revision": 9}))]
pub struct RetryRequest {
    /// Those in these states: `failed` and `unknown` if absent; `superseded`, `skipped` and `cancelled` are possible too.
    #[serde(default)]
    states: RetryStates,
    /// As for the other calls.
    #[schema(nullable = false)]
    #[serde(default, deserialize_with = "whole_number")]
    revision: Option<u64>,
}

/// The run after the call.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActedRun {
    /// The operation's id in the audit.
    operation_id: OperationId,
    /// The run.
    #[serde(flatten)]
    run: RunView,
}

/// A whole number as JSON Schema has it: `4.0` is one.
fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let number = Number::deserialize(deserializer)?;
    let whole = number.as_u64().or_else(|| {
        let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
        format!("{number:.0}").parse().ok()
    });
    let whole = whole.ok_or_else(|| de::Error::custom(format!("{number} is not a whole number")));
    whole.map(Some)
}

async fn act(
    app: &App,
    caller: &Caller,
    id: &RunId,
    act: Act,
    revision: Option<u64>,
) -> Result<Json<ActedRun>, ProblemResponse> {
    let runs = &app.runs;
    let acted = runs.act(&caller.principal, &caller.source, id, act, revision);
    let (operation_id, run) = acted.await?;
    let run = RunView::from(&*run);
    Ok(Json(ActedRun { operation_id, run }))
}

/// Pause a run
///
/// It starts nothing more until it is resumed; rollouts that were started go on.
#[utoipa::path(post, path = "/runs/{run_id}/pause", tag = "Runs", params(RunPath), request_body = ActRequest,
    responses((status = 200, description = "The run", body = ActedRun), OwnProblem))]
pub async fn pause_run(
    State(app): State<App>,
    caller: Caller,
    extract::Path(path): extract::Path<RunPath>,
    extract::Json(body): extract::Json<ActRequest>,
) -> Result<Json<ActedRun>, ProblemResponse> {
    act(&app, &caller, &path.run_id, Act::Pause, body.revision).await
}

/// Resume a run
///
/// It goes on. Failures so far are accepted: it stops again when as many more have failed as it may have.
#[utoipa::path(post, path = "/runs/{run_id}/resume", tag = "Runs", params(RunPath), request_body = ActRequest,
    responses((status = 200, description = "The run", body = ActedRun), OwnProblem))]
pub async fn resume_run(
    State(app): State<App>,
    caller: Caller,
    extract::Path(path): extract::Path<RunPath>,
    extract::Json(body): extract::Json<ActRequest>,
) -> Result<Json<ActedRun>, ProblemResponse> {
    act(&app, &caller, &path.run_id, Act::Resume, body.revision).await
}

/// Abort a run
///
/// It starts nothing more, for good. Nothing is undone: what was started is watched to its end.
#[utoipa::path(post, path = "/runs/{run_id}/abort", tag = "Runs", params(RunPath), request_body = ActRequest,
    responses((status = 200, description = "The run", body = ActedRun), OwnProblem))]
pub async fn abort_run(
    State(app): State<App>,
    caller: Caller,
    extract::Path(path): extract::Path<RunPath>,
    extract::Json(body): extract::Json<ActRequest>,
) -> Result<Json<ActedRun>, ProblemResponse> {
    act(&app, &caller, &path.run_id, Act::Abort, body.revision).await
}

/// Approve the next stage of a run
///
/// Somebody else than the requester has to, who has the right of the change in all of each of its clusters.
#[utoipa::path(post, path = "/runs/{run_id}/approve", tag = "Runs", params(RunPath), request_body = ActRequest,
    responses((status = 200, description = "The run", body = ActedRun), OwnProblem))]
pub async fn approve_run(
    State(app): State<App>,
    caller: Caller,
    extract::Path(path): extract::Path<RunPath>,
    extract::Json(body): extract::Json<ActRequest>,
) -> Result<Json<ActedRun>, ProblemResponse> {
    act(&app, &caller, &path.run_id, Act::Approve, body.revision).await
}

/// Retry targets of a run
///
/// Begins targets again that have failed, or are in other states; the run must have ended, or be paused. It is the same run, with a
/// higher `attempt`.
#[utoipa::path(post, path = "/runs/{run_id}/retry", tag = "Runs", params(RunPath), request_body = RetryRequest,
    responses((status = 200, description = "The run", body = ActedRun), OwnProblem))]
pub async fn retry_run(
    State(app): State<App>,
    caller: Caller,
    extract::Path(path): extract::Path<RunPath>,
    extract::Json(body): extract::Json<RetryRequest>,
) -> Result<Json<ActedRun>, ProblemResponse> {
    let retry = Act::Retry(body.states);
    act(&app, &caller, &path.run_id, retry, body.revision).await
}
