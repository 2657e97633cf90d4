//! `POST /resume`

use axum::Json;
use axum::extract::State;
use bus_schema::verb::{Paused, Resume};

use super::workload_body::{WorkloadBody, WorkloadChange as _};
use crate::app::App;
use crate::caller::Caller;
use crate::extract;
use crate::problem_response::ProblemResponse;
use fleet::Done;

/// Resume a deployment
///
/// Like `kubectl rollout resume`. Changes made to its template meanwhile roll out now; follow that with
/// `GET /workloads/{cluster}/{namespace}/{kind}/{name}/rollout/watch`.
#[utoipa::path(post, path = "/resume", tag = "Workloads", request_body = WorkloadBody,
    responses((status = 200, description = "It is resumed; changes made meanwhile roll out", body = Done<Paused>), ProblemResponse))]
pub async fn resume_deployment(
    State(app): State<App>,
    caller: Caller,
    extract::Json(body): extract::Json<WorkloadBody>,
) -> Result<Json<Done<Paused>>, ProblemResponse> {
    body.mutate(&app, &caller, |target, guard, ()| Resume { target, guard })
        .await
}
