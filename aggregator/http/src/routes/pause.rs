//! `POST /pause`

use axum::Json;
use axum::extract::State;
use bus_schema::verb::{Pause, Paused};

use super::workload_body::{WorkloadBody, WorkloadChange as _};
use crate::app::App;
use crate::caller::Caller;
use crate::extract;
use crate::problem_response::ProblemResponse;
use fleet::Done;

/// Pause a deployment
///
/// Like `kubectl rollout pause`: changes to its template roll out once it is resumed. Its pods go on running.
#[utoipa::path(post, path = "/pause", tag = "Workloads", request_body = WorkloadBody,
    responses((status = 200, description = "It is paused", body = Done<Paused>), ProblemResponse))]
pub async fn pause_deployment(
    State(app): State<App>,
    caller: Caller,
    extract::Json(body): extract::Json<WorkloadBody>,
) -> Result<Json<Done<Paused>>, ProblemResponse> {
    body.mutate(&app, &caller, |target, guard, ()| Pause { target, guard })
        .await
}
