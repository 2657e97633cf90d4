//! `GET /workloads/…/rollout`, once or watched.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use bus_schema::ClusterName;
use bus_schema::verb::{GetRollout, Rollout, RolloutState};

use super::workload::WorkloadPath;
use crate::app::App;
use crate::caller::Caller;
use crate::event_stream::{self, Events};
use crate::extract::Path;
use crate::problem_response::ProblemResponse;
use identity::Principal;
use limits::Stream;

/// How often a rollout that is watched is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The status of a rollout
///
/// By the rules of `kubectl rollout status`.
#[utoipa::path(get, path = "/workloads/{cluster}/{namespace}/{kind}/{name}/rollout", tag = "Workloads", params(WorkloadPath),
    responses((status = 200, description = "How far the rollout is", body = Rollout), ProblemResponse))]
pub async fn get_rollout(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<WorkloadPath>,
) -> Result<Json<Rollout>, ProblemResponse> {
    let request = GetRollout {
        target: path.target(),
    };
    let rollout = app
        .fleet
        .ask(&caller.principal, &path.cluster, &request)
        .await?;
    Ok(Json(rollout))
}

/// Watch a rollout until it ends
///
/// Server-sent events: `rollout` with the status each time that it changes, `problem` when the cluster cannot be queried. The stream
/// ends when the rollout is complete, failed, or the deployment is gone; while it is paused or the cluster is offline the stream stays open.
#[utoipa::path(get, path = "/workloads/{cluster}/{namespace}/{kind}/{name}/rollout/watch", tag = "Workloads", params(WorkloadPath),
    responses((status = 200, description = "Events: how far the rollout is, until it is over", content_type = "text/event-stream", body = Rollout), ProblemResponse))]
pub async fn watch_rollout(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<WorkloadPath>,
) -> Result<Response, ProblemResponse> {
    let request = GetRollout {
        target: path.target(),
    };
    let permit = caller.acquire(Stream::Rollout)?;
    // Read once before the stream begins, so that a wrong name is an ordinary error.
    let first = app
        .fleet
        .ask(&caller.principal, &path.cluster, &request)
        .await?;
    let (watcher, state) = (caller.principal.clone(), app.clone());
    Ok(event_stream::respond(&app, &caller, |events| async move {
        let _permit = permit;
        follow(&state, &watcher, &path.cluster, &request, first, &events).await;
    }))
}

async fn follow(
    app: &App,
    principal: &Principal,
    cluster: &ClusterName,
    request: &GetRollout,
    first: Rollout,
    events: &Events,
) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let mut shown = None;
    let mut seen = Ok(first);
    loop {
        match seen {
            Ok(rollout) if shown.as_ref() == Some(&rollout) => {}
            Ok(rollout) => {
                events.send("rollout", &rollout).await;
                if matches!(rollout.state, RolloutState::Complete | RolloutState::Failed) {
                    return;
                }
                shown = Some(rollout);
            }
            Err(problem) => {
                events.problem(&problem).await;
                if !problem.code.retryable() {
                    return;
                }
                shown = None;
            }
        }
        looks.tick().await;
        seen = app.fleet.ask(principal, cluster, request).await;
    }
}
