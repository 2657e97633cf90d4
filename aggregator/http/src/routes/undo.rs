//! `POST /undo`

use axum::Json;
use axum::extract::State;
use bus_schema::verb::{Undo, Undone, revision};
use serde::Deserializer;

use super::workload_body::{WorkloadChange as _, change, workload_body};
use crate::app::App;
use crate::caller::Caller;
use crate::extract;
use crate::problem_response::ProblemResponse;
use fleet::Done;

workload_body! {
    /// Which workload to change: by `deployment_name`, or by `kind` and `name`.
    #[schema(example = json!({
        "cluster": "cluster-a", "namespace": "default", "deployment_name": "fastapi-a", "to_revision": 3, "reason": "OPS-7",
    }))]
    UndoBody {
        /// The revision to restore, from 1; if absent, the one before the present one.
        #[serde(default, deserialize_with = "to_revision")]
        #[schema(nullable = false, minimum = 1)]
        to_revision: Option<u64>,
    }
}

/// The number of a revision, if there is one: for `deserialize_with`, with `default`.
pub fn to_revision<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    revision(deserializer).map(Some)
}

/// Go back to an earlier revision
///
/// Like `kubectl rollout undo`, but annotations that a deployment got since stay. Restores the pod template of the revision exactly;
/// replicas and everything else stay as they are. A workload that has this template already is `unchanged`; a paused deployment is
/// refused. `warnings` says if `kubectl apply` of the configuration that was applied last will revert it. Without `to_revision`, the
/// revision is determined before the change is sent. Responds when the cluster has accepted the template; the rollout follows.
#[utoipa::path(post, path = "/undo", tag = "Workloads", request_body = UndoBody,
    responses((status = 200, description = "The template is that of the revision; its rollout begins", body = Done<Undone>), ProblemResponse))]
pub async fn undo_workload(
    State(app): State<App>,
    caller: Caller,
    extract::Json(body): extract::Json<UndoBody>,
) -> Result<Json<Done<Undone>>, ProblemResponse> {
    let (common, (to_revision,)) = body.into_parts();
    let to_revision = match to_revision {
        Some(revision) => revision,
        None => {
            let (cluster, workload) = common.clone().target()?;
            let principal = &caller.principal;
            let previous = app.fleet.previous_revision(principal, &cluster, &workload);
            previous.await?
        }
    };
    let undo = |target, guard| Undo {
        target,
        to_revision,
        guard,
    };
    change(common, &app, &caller, undo).await
}
