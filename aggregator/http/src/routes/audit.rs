//! `GET /audit`

use axum::Json;
use axum::extract::State;
use bus_schema::{ClusterName, Namespace, OperationId, Right, WorkloadKind, WorkloadName};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::caller::Caller;
use crate::extract::{self, Query};
use crate::openapi::OwnProblem;
use crate::problem_response::ProblemResponse;
use ::audit::{AuditFilter, AuditPage, Entry, Outcome};
use diagnostics::{Problem, ProblemCode};
use identity::Principal;

mod cursor;

/// Most lines of a page.
pub const MOST: u32 = 500;

/// Filters and the page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Of this user.
    user: Option<String>,
    /// On this cluster.
    cluster: Option<ClusterName>,
    /// In this namespace.
    namespace: Option<Namespace>,
    /// On this deployment.
    deployment_name: Option<WorkloadName>,
    /// On a workload of this kind.
    kind: Option<WorkloadKind>,
    /// On a workload of this name, of any kind.
    name: Option<WorkloadName>,
    /// This verb, `sign-in` or `sign-out`.
    verb: Option<String>,
    /// With this outcome.
    outcome: Option<Outcome>,
    /// Of this run.
    run: Option<OperationId>,
    /// With sign-ins and sign-outs, `true` if absent.
    sign_ins: Option<bool>,
    /// Written then or later.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Written before then.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// At most this many lines, 100 if absent.
    #[param(minimum = 1, maximum = 500)]
    #[serde(default, deserialize_with = "extract::bounded::<1, MOST, _>")]
    limit: Option<u32>,
    /// The `continue` of the previous page.
    #[serde(rename = "continue")]
    next: Option<String>,
}

/// Who did what, where, with what outcome
///
/// Newest first; an operation is one line with its newest outcome. The caller sees what was done to deployments that they may
/// see, and their own sign-ins; with the right `audit` everything. One call looks at 2,000 lines: a page with `partial` may have few
/// items or none, and the search goes on with its `continue`.
#[utoipa::path(get, path = "/audit", tag = "Activity", params(Filter),
    responses((status = 200, description = "The lines", body = AuditPage), OwnProblem))]
pub async fn read_audit(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<Filter>,
) -> Result<Json<AuditPage>, ProblemResponse> {
    if let (Some(since), Some(until)) = (filter.since, filter.until)
        && since > until
    {
        let detail = "since: it is later than `until`";
        let problem = Problem::new(ProblemCode::InvalidValue, detail).field("since");
        return Err(problem.into());
    }
    let wanted = AuditFilter {
        user: filter.user,
        cluster: filter.cluster,
        namespace: filter.namespace,
        deployment_name: filter.deployment_name,
        kind: filter.kind,
        name: filter.name,
        verb: filter.verb,
        outcome: filter.outcome,
        run: filter.run,
        without_sign_ins: filter.sign_ins == Some(false),
        since: filter.since,
        until: filter.until,
    };
    let limit = filter.limit.unwrap_or(100);
    let page = page(&app, &caller, &wanted, limit, filter.next).await?;
    Ok(Json(page))
}

/// A page of what the caller may see, of 1 to [`MOST`] lines.
pub async fn page(
    app: &App,
    caller: &Caller,
    filter: &AuditFilter,
    limit: u32,
    next: Option<String>,
) -> Result<AuditPage, Problem> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let key = caller.key(cursor::PURPOSE);
    let before = next.map(|text| cursor::read(&key, &text).ok_or_else(not_a_cursor));
    let page = app.audit.page(filter, limit, before.transpose()?, |entry| {
        visible(&caller.principal, entry)
    });
    let (items, next) = page.await?;
    let next = next.map(|next| cursor::write(&key, next));
    Ok(AuditPage {
        partial: next.is_some() && items.len() < limit,
        items,
        next,
    })
}

fn not_a_cursor() -> Problem {
    let detail = "continue: pass the `continue` of the previous page unchanged";
    Problem::new(ProblemCode::InvalidRequest, detail).field("continue")
}

/// Whether the principal may see this line.
pub fn visible(principal: &Principal, entry: &Entry) -> bool {
    let Principal { user, grants, .. } = principal;
    match &entry.target {
        Some(target) => {
            let namespace = target.namespace.as_ref();
            grants.may(Right::Audit, &target.cluster, namespace)
                || grants.may(Right::Read, &target.cluster, namespace)
        }
        None => entry.user == *user || grants.everywhere(Right::Audit),
    }
}
