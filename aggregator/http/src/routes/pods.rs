//! `GET /workloads/…/pods`

use axum::Json;
use axum::extract::State;
use bus_schema::Page;
use bus_schema::verb::{ListPods, PodSummary};

use super::namespaces::Paging;
use super::workload::WorkloadPath;
use crate::app::App;
use crate::caller::Caller;
use crate::extract::{Path, Query};
use crate::problem_response::ProblemResponse;

/// The pods of a deployment
#[utoipa::path(get, path = "/workloads/{cluster}/{namespace}/{kind}/{name}/pods", tag = "Workloads", params(WorkloadPath, Paging),
    responses((status = 200, description = "The pods", body = Page<PodSummary>), ProblemResponse))]
pub async fn list_pods(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<WorkloadPath>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<PodSummary>>, ProblemResponse> {
    let request = ListPods {
        target: path.target(),
        limit: paging.limit,
        next: paging.next,
    };
    let pods = app
        .fleet
        .ask(&caller.principal, &path.cluster, &request)
        .await?;
    Ok(Json(pods))
}
