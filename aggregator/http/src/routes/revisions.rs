//! `GET /workloads/…/revisions` and `GET /workloads/…/revisions/diff`

use axum::Json;
use axum::extract::State;
use bus_schema::verb::{ListRevisions, RevisionSummary};
use bus_schema::{ClusterName, WorkloadRef};
use futures::StreamExt as _;
use futures::stream;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::audit::visible;
use super::undo::to_revision;
use super::workload::WorkloadPath;
use crate::app::App;
use crate::caller::Caller;
use crate::extract::{Path, Query};
use crate::problem_response::ProblemResponse;
use diagnostics::{Problem, ProblemCode};

mod diff;

/// How many operations are looked up in the audit at a time.
const LOOKUPS: usize = 8;

/// The revisions of a workload.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkloadRevisions {
    /// The workload.
    #[serde(flatten)]
    target: WorkloadRef,
    /// At most 100, the newest first.
    items: Vec<Revision>,
}

/// A revision, and who made it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Revision {
    /// The revision.
    #[serde(flatten)]
    revision: RevisionSummary,
    /// Who made it, by the audit; absent if it was not made with this API, or if the caller may not see the operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
}

/// The revisions of a workload
///
/// What `kubectl rollout history` shows, with images, the operation that made each of them, and its user. They are the ReplicaSets of a
/// deployment and the ControllerRevisions of the other kinds, as many as the workload's `revisionHistoryLimit` leaves.
#[utoipa::path(get, path = "/workloads/{cluster}/{namespace}/{kind}/{name}/revisions", tag = "Workloads", params(WorkloadPath),
    responses((status = 200, description = "The revisions", body = WorkloadRevisions), ProblemResponse))]
pub async fn list_revisions(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<WorkloadPath>,
) -> Result<Json<WorkloadRevisions>, ProblemResponse> {
    let request = ListRevisions {
        target: path.target(),
        templates: Vec::new(),
    };
    let principal = &caller.principal;
    let revisions = app.fleet.ask(principal, &path.cluster, &request).await?;
    let (cluster, target) = (&path.cluster, &revisions.target);
    let items = revisions.items.into_iter().map(async |revision| Revision {
        user: user_of(&app, &caller, cluster, target, &revision).await,
        revision,
    });
    let items: Vec<Revision> = stream::iter(items).buffered(LOOKUPS).collect().await;
    Ok(Json(WorkloadRevisions {
        target: revisions.target,
        items,
    }))
}

/// Who made a revision. Its annotation may name any operation: one on another workload is ignored.
async fn user_of(
    app: &App,
    caller: &Caller,
    cluster: &ClusterName,
    target: &WorkloadRef,
    revision: &RevisionSummary,
) -> Option<String> {
    let id = revision.operation_id.as_ref()?;
    // The list is of use without the users.
    let entry = app.journal.newest(id).await.ok()??;
    let is_of_it = entry.target == Some(::audit::Target::workload(cluster, target));
    (is_of_it && visible(&caller.principal, &entry)).then_some(entry.user)
}

/// Which revisions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Between {
    /// The older revision; if absent, the one before the present one.
    #[param(minimum = 1)]
    #[serde(default, deserialize_with = "to_revision")]
    from: Option<u64>,
    /// The newer revision; if absent, the present one.
    #[param(minimum = 1)]
    #[serde(default, deserialize_with = "to_revision")]
    to: Option<u64>,
}

/// The difference of two revisions.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevisionDiff {
    /// The workload.
    #[serde(flatten)]
    target: WorkloadRef,
    /// The older revision.
    from: u64,
    /// The newer revision.
    to: u64,
    /// The difference of their pod templates, written as YAML, as a unified diff; empty if they are equal.
    diff: String,
}

/// The difference of two revisions
///
/// A unified diff of their pod templates as YAML. Values that look like secrets, such as those of variables named `…PASSWORD` or
/// `…TOKEN`, and URLs with a password, are replaced by `<hidden 1>`, `<hidden 2>` and so on, the same value by the same text.
#[utoipa::path(get, path = "/workloads/{cluster}/{namespace}/{kind}/{name}/revisions/diff", tag = "Workloads",
    params(WorkloadPath, Between),
    responses((status = 200, description = "The difference", body = RevisionDiff), ProblemResponse))]
pub async fn diff_revisions(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<WorkloadPath>,
    Query(between): Query<Between>,
) -> Result<Json<RevisionDiff>, ProblemResponse> {
    let (principal, cluster, target) = (&caller.principal, &path.cluster, path.target());
    let list = |templates| ListRevisions {
        target: target.clone(),
        templates,
    };
    let (from, to) = match (between.from, between.to) {
        (Some(from), Some(to)) => (from, to),
        (from, to) => {
            let revisions = app.fleet.ask(principal, cluster, &list(Vec::new())).await?;
            let from = from.or_else(|| revisions.previous());
            let to = to.or_else(|| revisions.current());
            (known("from", from)?, known("to", to)?)
        }
    };
    let both = list(vec![from, to]);
    let revisions = app.fleet.ask(principal, cluster, &both);
    let revisions = revisions
        .await
        .map_err(|problem| of_query(problem, from, to))?;
    let template = |number| {
        let mut items = revisions.items.iter();
        let found = items.find(|item| item.revision == number);
        found.and_then(|item| item.template.as_ref())
    };
    let (Some(older), Some(newer)) = (template(from), template(to)) else {
        let detail = "the agent's reply lacks a template";
        return Err(Problem::new(ProblemCode::Internal, detail).into());
    };
    Ok(Json(RevisionDiff {
        diff: diff::of(older, newer, from, to)?,
        target: revisions.target.clone(),
        from,
        to,
    }))
}

fn known(field: &str, revision: Option<u64>) -> Result<u64, Problem> {
    revision.ok_or_else(|| {
        let detail = format!("{field}: the workload has no such revision; name one");
        Problem::new(ProblemCode::NotFound, detail).field(field)
    })
}

/// The agent's field is not one of this call.
fn of_query(problem: Problem, from: u64, to: u64) -> Problem {
    if problem.field.as_deref() != Some("templates") {
        return problem;
    }
    let detail = format!("from, to: the workload does not have both {from} and {to}");
    Problem::new(ProblemCode::NotFound, detail).field("from")
}
