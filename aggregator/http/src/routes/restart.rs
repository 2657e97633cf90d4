//! `POST /restart`

use axum::Json;
use axum::extract::State;
use bus_schema::verb::{Restart, Restarted};

use super::workload_body::{WorkloadBody, WorkloadChange as _};
use crate::app::App;
use crate::caller::Caller;
use crate::extract;
use crate::problem_response::ProblemResponse;
use fleet::Done;

/// Restart a deployment
///
/// Like `kubectl rollout restart`. Responds when the cluster has accepted the change; follow the rollout with
/// `GET /workloads/{cluster}/{namespace}/{kind}/{name}/rollout/watch`.
#[utoipa::path(post, path = "/restart", tag = "Deployments", request_body = WorkloadBody,
    responses((status = 200, description = "What was changed; the rollout goes on", body = Done<Restarted>), ProblemResponse))]
pub async fn restart_deployment(
    State(app): State<App>,
    caller: Caller,
    extract::Json(body): extract::Json<WorkloadBody>,
) -> Result<Json<Done<Restarted>>, ProblemResponse> {
    body.mutate(&app, &caller, |target, guard, ()| Restart { target, guard })
        .await
}
