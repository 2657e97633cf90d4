//! `GET /pods/{cluster}/{namespace}/{deployment_name}`

use axum::Json;
use axum::extract::State;
use bus_schema::Page;
use bus_schema::verb::{ListPods, PodSummary};

use super::namespaces::Paging;
use super::rollouts::Where;
use crate::app::App;
use crate::caller::Caller;
use crate::extract::{Path, Query};
use crate::problem_response::ProblemResponse;

/// The pods of a deployment
#[utoipa::path(get, path = "/pods/{cluster}/{namespace}/{deployment_name}", tag = "Deployments", params(Where, Paging),
    responses((status = 200, description = "The pods", body = Page<PodSummary>), ProblemResponse))]
pub async fn list_pods(
    State(app): State<App>,
    caller: Caller,
    Path(target): Path<Where>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<PodSummary>>, ProblemResponse> {
    let request = ListPods {
        namespace: target.namespace,
        deployment_name: target.deployment_name,
        limit: paging.limit,
        next: paging.next,
    };
    let pods = app
        .fleet
        .ask(&caller.principal, &target.cluster, &request)
        .await?;
    Ok(Json(pods))
}
