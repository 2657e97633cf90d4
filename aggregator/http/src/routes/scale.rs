//! `POST /scale`

use axum::Json;
use axum::extract::State;
use bus_schema::replicas;
use bus_schema::verb::{Scale, Scaled};

use super::workload_body::{WorkloadChange as _, workload_body};
use crate::app::App;
use crate::caller::Caller;
use crate::extract;
use crate::problem_response::ProblemResponse;
use fleet::Done;

workload_body! {
    /// Which workload to scale: by `deployment_name`, or by `kind` and `name`.
    #[schema(example = json!({
        "cluster": "cluster-a", "namespace": "default", "deployment_name": "fastapi-a", "replicas": 3, "current_replicas": 2,
    }))]
    ScaleBody {
        /// The desired number of replicas.
        #[serde(deserialize_with = "replicas::desired")]
        #[schema(maximum = 100_000)]
        replicas: u32,
        /// The number of replicas that it must have now; if it has another, nothing is changed and the answer is `replicas_changed`.
        #[serde(default, deserialize_with = "replicas::present")]
        #[schema(nullable = false, maximum = 2_147_483_647)]
        current_replicas: Option<u32>,
    }
}

/// Scale a workload
///
/// Like `kubectl scale`. Responds when the cluster has accepted the number; the pods follow. A paused deployment is scaled, too. An
/// autoscaler (HPA) of the deployment may change the number again.
#[utoipa::path(post, path = "/scale", tag = "Workloads", request_body = ScaleBody,
    responses((status = 200, description = "The number is set; pods are started or stopped", body = Done<Scaled>), ProblemResponse))]
pub async fn scale_deployment(
    State(app): State<App>,
    caller: Caller,
    extract::Json(body): extract::Json<ScaleBody>,
) -> Result<Json<Done<Scaled>>, ProblemResponse> {
    let scale = |target, guard, (replicas, current_replicas)| Scale {
        target,
        replicas,
        current_replicas,
        guard,
    };
    body.mutate(&app, &caller, scale).await
}
