//! `GET /workloads/…/events`

use axum::Json;
use axum::extract::State;
use bus_schema::Page;
use bus_schema::verb::{EventSummary, ListEvents};

use super::namespaces::Paging;
use super::workload::WorkloadPath;
use crate::app::App;
use crate::caller::Caller;
use crate::extract::{Path, Query};
use crate::problem_response::ProblemResponse;

/// The Kubernetes events of a deployment, newest first
///
/// Those of its ReplicaSets and pods too.
#[utoipa::path(get, path = "/workloads/{cluster}/{namespace}/{kind}/{name}/events", tag = "Workloads", params(WorkloadPath, Paging),
    responses((status = 200, description = "The events", body = Page<EventSummary>), ProblemResponse))]
pub async fn list_events(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<WorkloadPath>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<EventSummary>>, ProblemResponse> {
    let request = ListEvents {
        target: path.target(),
        limit: paging.limit,
        next: paging.next,
    };
    let events = app
        .fleet
        .ask(&caller.principal, &path.cluster, &request)
        .await?;
    Ok(Json(events))
}
