//! `GET /workloads/{cluster}/{namespace}/{kind}/{name}`, and the path that it shares with all that is read of one workload.

use axum::Json;
use axum::extract::State;
use bus_schema::verb::{GetWorkload, Workload};
use bus_schema::{ClusterName, Namespace, WorkloadKind, WorkloadName, WorkloadRef};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::caller::Caller;
use crate::extract::Path;
use crate::problem_response::ProblemResponse;

/// The names in the path of a workload.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct WorkloadPath {
    /// The cluster.
    pub cluster: ClusterName,
    /// The namespace.
    namespace: Namespace,
    /// The workload's kind.
    kind: WorkloadKind,
    /// The workload.
    name: WorkloadName,
}

impl WorkloadPath {
    /// The workload in its cluster.
    pub fn target(&self) -> WorkloadRef {
        WorkloadRef {
            namespace: self.namespace.clone(),
            kind: self.kind,
            name: self.name.clone(),
        }
    }
}

/// One workload
///
/// Read from its cluster: its containers with requests and limits, its conditions, its revision, and the last operation on it.
#[utoipa::path(get, path = "/workloads/{cluster}/{namespace}/{kind}/{name}", tag = "Workloads", params(WorkloadPath),
    responses((status = 200, description = "The workload", body = Workload), ProblemResponse))]
pub async fn get_workload(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<WorkloadPath>,
) -> Result<Json<Workload>, ProblemResponse> {
    let request = GetWorkload {
        target: path.target(),
    };
    let workload = app
        .fleet
        .ask(&caller.principal, &path.cluster, &request)
        .await?;
    Ok(Json(workload))
}
