//! `GET /deployments`

use axum::Json;
use axum::extract::{RawQuery, State};

use crate::actor::Actor;
use crate::app::App;
use crate::fleet::FleetPage;
use crate::problem::Problem;

pub(super) mod query;

/// The deployments of the whole fleet
///
/// Every cluster that the caller may see is asked at once. The answer says of each whether it answered, and comes after `timeout`
/// at the latest: a cluster that does not answer costs its own row. Pages are cut behind a place in the order, so that what is
/// created or deleted meanwhile neither hides nor doubles anything else; in an order by what changes, a deployment may move.
#[utoipa::path(get, path = "/deployments", tag = "Deployments",
    params(
        ("cluster" = Option<Vec<bus_schema::Pattern>>, Query, explode = false, min_items = 1, max_items = 100,
            description = "Only these clusters: names in which `*` stands for any characters, separated by commas or repeated."),
        ("clusterLabelSelector" = Option<String>, Query,
            description = "Only clusters whose labels this Kubernetes label selector selects, such as `env=prod,region in (eu, us)`. The others are not asked, and not counted."),
        ("namespace" = Option<Vec<bus_schema::Pattern>>, Query, explode = false, min_items = 1, max_items = 100, description = "Only these namespaces, likewise."),
        ("labelSelector" = Option<String>, Query,
            description = "A Kubernetes label selector, such as `tier in (web, api),team!=x`."),
        ("q" = Option<String>, Query, max_length = 512, description = "Part of the name."),
        ("image" = Option<String>, Query, max_length = 512,
            description = "A whole part of an image: a repository, a tag, a digest, or neighbouring ones, such as `shop/cart`, `:1.4`, `cart:1.4`; `*` stands for any characters."),
        ("health" = Option<Vec<bus_schema::Health>>, Query, explode = false, min_items = 1, description = "Of one of these healths."),
        ("sort" = Option<String>, Query, pattern = "^-?(name|age|health|restarted_at)$",
            description = "`name` (if absent), `age` (youngest first), `health` (worst first) or `restarted_at`; with `-` before it the other way round."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 5000, description = "At most this many items, 500 if absent."),
        ("countImages" = Option<bool>, Query,
            description = "With `false`, the totals leave images out, which makes a large fleet's answer faster."),
        ("continue" = Option<String>, Query, description = "The `continue` of the page before; filters and order must be the same."),
        ("timeout" = Option<String>, Query, pattern = r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)(s|ms)?$",
            description = "How long clusters are waited for: seconds, or with a unit such as `500ms`; 2 s if absent, 100 ms to 30 s."),
    ),
    responses((status = 200, description = "The deployments, and which clusters have answered", body = FleetPage), Problem))]
pub async fn list_fleet_deployments(
    State(app): State<App>,
    actor: Actor,
    RawQuery(text): RawQuery,
) -> Result<Json<FleetPage>, Problem> {
    let query = query::read(text.as_deref().unwrap_or_default())?;
    app.fleet.survey(&actor, &query).await.map(Json)
}
