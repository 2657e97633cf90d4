//! `GET /metrics`, and the counting of calls.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, Method, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;
use crate::openapi::OwnProblem;
use crate::problem_response::ProblemResponse;
use diagnostics::{Problem, ProblemCode};

/// The content type.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The label of all paths that are not part of the API.
const NO_ROUTE: &str = "none";

/// Metrics
///
/// For Prometheus: calls, requests on the bus, clusters by presence, runs by state and more. They contain no names of clusters, users or namespaces, and
/// need no session.
#[utoipa::path(get, path = "/metrics", tag = "Health", security(()),
    responses((status = 200, description = "The metrics", body = String, content_type = "application/openmetrics-text"), OwnProblem))]
pub async fn read_metrics(
    State(app): State<App>,
) -> Result<([(HeaderName, &'static str); 1], String), ProblemResponse> {
    app.metrics.set_conditions(&app.conditions.list());
    let (clusters, runs) = (app.registry.count_by_presence(), app.runs.count_by_state());
    let text = app.metrics.text(clusters, runs, !app.link.is_cut_off());
    let text =
        text.map_err(|_| Problem::new(ProblemCode::Internal, "cannot serialize a message"))?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text))
}

/// Counts each call by its route, not by its path, since callers could make up any number of paths.
pub async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let (method, began) = (known(request.method()), Instant::now());
    let response = next.run(request).await;
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let status = response.status().as_u16();
    app.metrics.called(method, route, status, began.elapsed());
    response
}

/// Methods can be made up, too.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_api_is_counted_by_its_name() {
        let api = serde_json::to_value(crate::routes::api().get_openapi()).unwrap();
        let paths = api["paths"].as_object().unwrap().values();
        for name in paths.flat_map(|path| path.as_object().unwrap().keys()) {
            let name = name.to_uppercase();
            assert_eq!(known(&name.parse().unwrap()), name);
        }
    }
}
