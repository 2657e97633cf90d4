//! `POST /restart`

use axum::Json;
use axum::extract::State;
use bus_schema::verb::{Restart, Restarted};
use bus_schema::{ClusterName, Namespace, WorkloadName, WorkloadRef, WriteGuard};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;
use crate::extract;
use crate::fleet::Done;
use crate::problem_response::ProblemResponse;
use diagnostics::{Problem, ProblemCode};

/// What to restart.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"cluster": "cluster-a", "namespace": "default", "deployment_name": "fastapi-a"}))]
pub struct RestartBody {
    /// The cluster.
    cluster: ClusterName,
    /// The namespace.
    namespace: Namespace,
    /// The deployment.
    #[schema(required, value_type = WorkloadName)]
    deployment_name: Option<WorkloadName>,
}

/// Restart a deployment
///
/// As `kubectl rollout restart` does. Answers when the cluster has taken it; follow the rollout with
/// `GET /rollouts/{cluster}/{namespace}/{deployment_name}/watch`.
#[utoipa::path(post, path = "/restart", tag = "Deployments", request_body = RestartBody,
    responses((status = 200, description = "What was changed; the rollout goes on", body = Done<Restarted>), ProblemResponse))]
pub async fn restart_deployment(
    State(app): State<App>,
    caller: Caller,
    extract::Json(body): extract::Json<RestartBody>,
) -> Result<Json<Done<Restarted>>, ProblemResponse> {
    let deployment_name = body.deployment_name.ok_or_else(|| {
        Problem::new(
            ProblemCode::InvalidValue,
            "the field \"deployment_name\" is missing: restarting every deployment of a namespace is not supported yet",
        )
        .field("deployment_name")
    })?;
    let restart = Restart {
        target: WorkloadRef::deployment(body.namespace, deployment_name),
        guard: WriteGuard::default(),
    };
    let restarted = app
        .fleet
        .mutate(&caller.principal, &caller.source, &body.cluster, restart)
        .await?;
    Ok(Json(restarted))
}
