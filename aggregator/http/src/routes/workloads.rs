//! `GET /workloads/{cluster}/{namespace}` and `GET /deployments/{cluster}/{namespace}`

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use bus_schema::verb::{ListWorkloads, WorkloadSummary};
use bus_schema::{ClusterName, Health, MAX_LIMIT, Namespace, Page, WorkloadKind};
use serde::Deserialize;
use utoipa::IntoParams;

use super::fleet::query;
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
    /// The namespace.
    namespace: Namespace,
}

/// Filters and the page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Only of these kinds, separated by commas; not where all are deployments.
    #[param(ignore)]
    kind: Option<String>,
    /// A Kubernetes label selector, such as `tier in (web, api),team!=x`.
    #[serde(rename = "labelSelector")]
    label_selector: Option<String>,
    /// Part of the name.
    #[param(max_length = 512)]
    q: Option<String>,
    /// A whole part of an image: a repository, a tag, a digest, or neighbouring ones, such as `shop/cart`, `:1.4`, `cart:1.4`; `*`
    /// stands for any characters.
    #[param(max_length = 512)]
    image: Option<String>,
    /// Of one of these healths.
    #[param(value_type = Option<Vec<Health>>, style = Form, explode = false, min_items = 1)]
    health: Option<String>,
    /// At most this many items, 500 if absent.
    #[param(minimum = 1, maximum = 5000)]
    #[serde(default, deserialize_with = "extract::bounded::<1, {MAX_LIMIT}, _>")]
    limit: Option<u32>,
    /// The `continue` of the previous page.
    #[serde(rename = "continue")]
    next: Option<String>,
}

/// The workloads of a namespace
#[utoipa::path(get, path = "/workloads/{cluster}/{namespace}", tag = "Workloads", params(Where,
        ("kind" = Option<Vec<WorkloadKind>>, Query, style = Form, explode = false, min_items = 1,
            description = "Only of these kinds, separated by commas."),
        Filter),
    responses((status = 200, description = "The workloads", body = Page<WorkloadSummary>), ProblemResponse))]
pub async fn list_workloads(
    State(app): State<App>,
    caller: Caller,
    Path(place): Path<Where>,
    Query(filter): Query<Filter>,
) -> Result<impl IntoResponse, ProblemResponse> {
    let kinds = filter.kind.as_deref().map(query::kinds).transpose()?;
    list(&app, &caller, place, kinds.unwrap_or_default(), filter).await
}

/// The deployments of a namespace
#[utoipa::path(get, path = "/deployments/{cluster}/{namespace}", tag = "Workloads", params(Where, Filter),
    responses((status = 200, description = "The deployments", body = Page<WorkloadSummary>), ProblemResponse))]
pub async fn list_deployments(
    State(app): State<App>,
    caller: Caller,
    Path(place): Path<Where>,
    Query(filter): Query<Filter>,
) -> Result<impl IntoResponse, ProblemResponse> {
    if filter.kind.is_some() {
        return Err(query::wrong("kind", "all of these are deployments; see `/workloads`").into());
    }
    list(&app, &caller, place, vec![WorkloadKind::Deployment], filter).await
}

async fn list(
    app: &App,
    caller: &Caller,
    Where { cluster, namespace }: Where,
    kinds: Vec<WorkloadKind>,
    filter: Filter,
) -> Result<impl IntoResponse + use<>, ProblemResponse> {
    let health = filter.health.as_deref().map(query::healths);
    let label_selector = filter.label_selector.as_deref().map(query::label_selector);
    let q = filter.q.as_deref().map(|q| query::looked_for("q", q));
    let image = filter
        .image
        .as_deref()
        .map(|image| query::looked_for("image", image));
    let request = ListWorkloads {
        cluster_uid: None,
        kinds,
        namespace: Some(namespace),
        label_selector: label_selector.transpose()?,
        q: q.transpose()?,
        image: image.transpose()?,
        health: health.transpose()?.unwrap_or_default(),
        limit: filter.limit,
        next: filter.next,
    };
    let relayed = app
        .fleet
        .relay_workloads(&caller.principal, &cluster, &request);
    let json = relayed.await?.into_bytes();
    Ok(([(header::CONTENT_TYPE, "application/json")], json))
}
