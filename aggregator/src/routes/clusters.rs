//! `GET /clusters`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::actor::Actor;
use crate::app::App;
use crate::openapi::OwnProblem;
use crate::registry::ClusterView;

/// Every cluster that the caller may see.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClusterList {
    /// The clusters, by name.
    items: Vec<ClusterView>,
}

/// Every known cluster, the offline ones too
///
/// Answered from heartbeats; no cluster is asked.
#[utoipa::path(get, path = "/clusters", tag = "Fleet", responses((status = 200, description = "The clusters", body = ClusterList), OwnProblem))]
pub async fn list_clusters(State(app): State<App>, actor: Actor) -> Json<ClusterList> {
    Json(ClusterList {
        items: app.fleet.clusters(&actor),
    })
}
