//! `GET /workloads`, `GET /deployments` and `GET /workload-groups`

use axum::Json;
use axum::extract::{RawQuery, State};
use bus_schema::{Health, Pattern, WorkloadKind, WorkloadName};
use utoipa::IntoParams;

use crate::app::App;
use crate::caller::Caller;
use crate::problem_response::ProblemResponse;
use fleet::{FleetGroups, FleetPage};

pub(super) mod query;

/// Which kinds, for the document alone.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what another reads")]
struct Kinds {
    /// Only of these kinds, separated by commas or repeated.
    #[param(explode = false, min_items = 1)]
    kind: Option<Vec<WorkloadKind>>,
}

/// The order and the totals of a list, likewise.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what another reads")]
struct Order {
    /// `name` (if absent), `age` (youngest first), `health` (worst first) or `restarted_at`; with `-` in front, reversed.
    #[param(pattern = "^-?(name|age|health|restarted_at)$")]
    sort: Option<String>,
    /// With `false`, the totals leave images out, which makes a large fleet's answer faster.
    #[param(rename = "countImages")]
    count_images: Option<bool>,
}

/// What all take, for the document alone: `query` reads it, strictly and with positions.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what another reads")]
struct Selection {
    /// Only these clusters: names in which `*` stands for any characters, separated by commas or repeated.
    #[param(explode = false, min_items = 1, max_items = 100)]
    cluster: Option<Vec<Pattern>>,
    /// Only clusters whose labels this Kubernetes label selector selects, such as `env=prod,region in (eu, us)`. The others are not queried,
    /// and not counted.
    #[param(rename = "clusterLabelSelector")]
    cluster_label_selector: Option<String>,
    /// Only these namespaces, likewise.
    #[param(explode = false, min_items = 1, max_items = 100)]
    namespace: Option<Vec<Pattern>>,
    /// A Kubernetes label selector, such as `tier in (web, api),team!=x`.
    #[param(rename = "labelSelector")]
    label_selector: Option<String>,
    /// Exactly this name.
    name: Option<WorkloadName>,
    /// Part of the name.
    #[param(max_length = 512)]
    q: Option<String>,
    /// A whole part of an image: a repository, a tag, a digest, or neighbouring ones, such as `shop/cart`, `:1.4`, `cart:1.4`; `*`
    /// stands for any characters.
    #[param(max_length = 512)]
    image: Option<String>,
    /// Of one of these healths.
    #[param(explode = false, min_items = 1)]
    health: Option<Vec<Health>>,
    /// At most this many items, 500 if absent.
    #[param(minimum = 1, maximum = 5000)]
    limit: Option<u32>,
    /// The `continue` of the previous page; filters and order must be the same.
    #[param(rename = "continue")]
    next: Option<String>,
    /// How long to wait for clusters: seconds, or with a unit such as `500ms`; 2 s if absent, 100 ms to 30 s.
    #[param(pattern = r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)(s|ms)?$")]
    timeout: Option<String>,
}

/// The workloads of the whole fleet
///
/// Queries every cluster that the caller may see, at once. The response says for each whether it answered, and comes after `timeout`
/// at the latest: a cluster that does not answer is listed as such, and the others are not affected. A page continues after the last item
/// of the previous one, so workloads that are created or deleted in between neither hide nor repeat others; sorted by a value that
/// changes, a workload may move between pages.
#[utoipa::path(get, path = "/workloads", tag = "Workloads",
    params(Kinds, Selection, Order),
    responses((status = 200, description = "The workloads, and which clusters have answered", body = FleetPage), ProblemResponse))]
pub async fn list_fleet_workloads(
    State(app): State<App>,
    caller: Caller,
    RawQuery(text): RawQuery,
) -> Result<Json<FleetPage>, ProblemResponse> {
    let query = query::read(text.as_deref().unwrap_or_default())?;
    Ok(Json(app.queries.query(&caller.principal, &query).await?))
}

/// The deployments of the whole fleet
///
/// As `GET /workloads` with `kind=Deployment`.
#[utoipa::path(get, path = "/deployments", tag = "Workloads",
    params(Selection, Order),
    responses((status = 200, description = "The deployments, and which clusters have answered", body = FleetPage), ProblemResponse))]
pub async fn list_fleet_deployments(
    State(app): State<App>,
    caller: Caller,
    RawQuery(text): RawQuery,
) -> Result<Json<FleetPage>, ProblemResponse> {
    let query = query::read_deployments(text.as_deref().unwrap_or_default())?;
    Ok(Json(app.queries.query(&caller.principal, &query).await?))
}

/// The workloads of the whole fleet, grouped by kind and name
///
/// One group for each kind and name: in how many clusters it is deployed, in which versions, and how its workloads are. Filters, clusters
/// and pages are as in `GET /workloads`, which with `kind` and `name` lists the workloads of a group.
#[utoipa::path(get, path = "/workload-groups", tag = "Workloads",
    params(Kinds, Selection,
        ("sort" = Option<String>, Query, pattern = "^-?(name|health)$",
            description = "`health` (worst first, and then the most workloads of that health first; if absent) or `name`; with `-` in front, reversed."),
    ),
    responses((status = 200, description = "The groups, and which clusters have answered", body = FleetGroups), ProblemResponse))]
pub async fn list_workload_groups(
    State(app): State<App>,
    caller: Caller,
    RawQuery(text): RawQuery,
) -> Result<Json<FleetGroups>, ProblemResponse> {
    let query = query::read_groups(text.as_deref().unwrap_or_default())?;
    let groups = app.queries.query_groups(&caller.principal, &query);
    Ok(Json(groups.await?))
}
