//! `GET /namespaces/{cluster}`

use axum::Json;
use axum::extract::State;
use bus_schema::verb::{ListNamespaces, NamespaceSummary};
use bus_schema::{ClusterName, MAX_LIMIT, Page, Right};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::caller::Caller;
use crate::extract::{self, Path, Query};
use crate::problem_response::ProblemResponse;

/// The names in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct Where {
    /// The cluster.
    cluster: ClusterName,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// At most this many items, 500 if absent.
    #[param(minimum = 1, maximum = 5000)]
    #[serde(default, deserialize_with = "extract::bounded::<1, {MAX_LIMIT}, _>")]
    pub limit: Option<u32>,
    /// The `continue` of the previous page.
    #[serde(rename = "continue")]
    pub next: Option<String>,
}

/// The namespaces of a cluster
///
/// Those that the caller may see, ordered by name.
#[utoipa::path(get, path = "/namespaces/{cluster}", tag = "Fleet", params(Where, Paging),
    responses((status = 200, description = "The namespaces", body = Page<NamespaceSummary>), ProblemResponse))]
pub async fn list_namespaces(
    State(app): State<App>,
    caller: Caller,
    Path(Where { cluster }): Path<Where>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<NamespaceSummary>>, ProblemResponse> {
    let grants = &caller.principal.grants;
    let request = ListNamespaces {
        namespaces: (!grants.sees_all_of(&cluster)).then(|| grants.namespaces(&cluster)),
        limit: paging.limit,
        next: paging.next,
    };
    let mut page = app.fleet.ask(&caller.principal, &cluster, &request).await?;
    // Filtered again, whatever the agent returned: no other namespace is shown, nor named by the cursor.
    page.items
        .retain(|item| grants.may(Right::Read, &cluster, Some(&item.namespace)));
    let last = page.items.last().map(|item| item.namespace.to_string());
    page.next = page.next.and(last);
    Ok(Json(page))
}
