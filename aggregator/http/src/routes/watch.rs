//! `GET /watch`

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::fleet::query::{patterns, wrong};
use crate::app::App;
use crate::caller::Caller;
use crate::event_stream;
use crate::openapi::OwnProblem;
use crate::problem_response::ProblemResponse;
use diagnostics::Problem;
use fleet::watch::{SelectedClusters, View};
use identity::Principal;
use limits::Stream;

/// Watch the whole fleet
///
/// Server-sent events with ids. `reset` or `resumed` is the first one: after a `reset`, whose `reason` is `started`, `unknown_id` or
/// `too_old`, read the lists; after `resumed` the stream continues after the event named by `Last-Event-ID`. `cluster` has a cluster as
/// in `GET /clusters`, when anything but its age changed; a caller who may see, or requests, only some
/// namespaces gets neither its `counts` nor an event when only they change. `cluster_gone` names a cluster that was removed. `deployment` has
/// a deployment that changed, as in `GET /deployments`, or without `deployment` one that was deleted. `gap` reports missed changes, of its
/// `cluster`, or without `cluster` because the reader of this stream is too slow: read the lists again. `problem` comes before the server ends
/// the stream.
#[utoipa::path(get, path = "/watch", tag = "Fleet",
    params(
        ("cluster" = Option<Vec<bus_schema::Pattern>>, Query, explode = false, min_items = 1, max_items = 100,
            description = "Only these clusters: names in which `*` stands for any characters, separated by commas or repeated."),
        ("clusterLabelSelector" = Option<String>, Query,
            description = "Only clusters whose labels this Kubernetes label selector selects. When the selection changes, a `gap` reports it."),
        ("namespace" = Option<Vec<bus_schema::Pattern>>, Query, explode = false, min_items = 1, max_items = 100, description = "Only deployments in these namespaces, likewise."),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event received."),
    ),
    responses((status = 200, description = "Events: what changes", content_type = "text/event-stream", body = String), OwnProblem))]
pub async fn watch_fleet(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, ProblemResponse> {
    let view = view(
        &app,
        &caller.principal,
        query.as_deref().unwrap_or_default(),
    )?;
    let permit = caller.acquire(Stream::Fleet)?;
    let last_id = headers.get("last-event-id").map(|id| id.as_bytes());
    let mut reader = app.registry.watch(view, last_id);
    Ok(event_stream::respond(&app, &caller, |events| async move {
        let _permit = permit;
        loop {
            events.forward(reader.next().await).await;
        }
    }))
}

fn view(app: &App, principal: &Principal, query: &str) -> Result<View, Problem> {
    let mut view = View {
        grants: Arc::clone(&principal.grants),
        clusters: Vec::new(),
        selected: None,
        namespaces: Vec::new(),
    };
    for (field, value) in form_urlencoded::parse(query.as_bytes()) {
        let to = match &*field {
            "cluster" => &mut view.clusters,
            "namespace" => &mut view.namespaces,
            "clusterLabelSelector" if view.selected.is_some() => {
                return Err(wrong(&field, "it is given twice"));
            }
            "clusterLabelSelector" => {
                let selector = value.parse().map_err(|error| wrong(&field, error))?;
                view.selected = Some(SelectedClusters::new(selector, app.registry.labels()));
                continue;
            }
            _ => return Err(wrong(&field, "there is no such parameter")),
        };
        patterns(&field, &value, to)?;
    }
    Ok(view)
}
