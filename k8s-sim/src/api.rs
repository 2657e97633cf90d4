//! The HTTP API of a cluster. The router works with `axum::serve` and, as a tower service, with `kube::Client::new`.

mod discovery;
mod fault_injection;
mod list;
mod log;
mod query;
mod read;
mod scale;
mod target;
mod watch;
mod write;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query as Extract, Request, State as Extension};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;

use crate::shared::Shared;
use crate::status::{Result, Status};
use crate::verb::Verb;
use query::Query;
use target::{Subresource, Target, verb_of};

/// The maximum size of a request body.
const BODY_LIMIT: usize = 3 * 1024 * 1024;

pub fn router(cluster: Arc<Shared>) -> Router {
    Router::new()
        .route("/version", get(discovery::version))
        .route("/healthz", get("ok"))
        .route("/livez", get("ok"))
        .route("/readyz", get("ok"))
        .route("/api", get(discovery::core_versions))
        .route("/apis", get(discovery::groups))
        .route("/apis/{group}", get(discovery::group))
        .route("/api/v1", get(discovery::core_resources))
        .route("/apis/{group}/{version}", get(discovery::group_resources))
        .fallback(resource_request)
        .layer(middleware::from_fn_with_state(
            cluster.clone(),
            fault_injection::inject_faults,
        ))
        .with_state(cluster)
}

struct Call {
    target: Target,
    query: Query,
    headers: HeaderMap,
    body: Bytes,
}

async fn resource_request(
    Extension(cluster): Extension<Arc<Shared>>,
    Extract(query): Extract<Query>,
    request: Request,
) -> Response {
    let Some(target) = Target::parse(request.uri().path()) else {
        return not_found();
    };
    let verb = verb_of(request.method(), &target, &query);
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        let message = "Request entity too large: limit is 3145728";
        return Status::new(413, "RequestEntityTooLarge", message).into_response();
    };
    let call = Call {
        target,
        query,
        headers: parts.headers,
        body,
    };
    match serve(&cluster, verb, &parts.method, call) {
        Ok(response) => response,
        Err(status) => status.into_response(),
    }
}

fn serve(cluster: &Arc<Shared>, verb: Verb, method: &Method, call: Call) -> Result<Response> {
    match &call.target.subresource {
        None => {}
        Some(Subresource::Log) if verb == Verb::Get => return log::read(cluster, &call),
        Some(Subresource::Scale) => return scale::serve(cluster, verb, &call),
        Some(Subresource::Status) if matches!(verb, Verb::Get | Verb::Update | Verb::Patch) => {}
        Some(_) => return Err(Status::method_not_allowed()),
    }
    match verb {
        Verb::Get => read::get(cluster, &call),
        Verb::List => list::list(cluster, &call),
        Verb::Watch => watch::watch(cluster, &call),
        Verb::Create if call.target.name.is_none() && method == Method::POST => {
            write::create(cluster, &call)
        }
        Verb::Update if call.target.name.is_some() => write::update(cluster, &call),
        Verb::Patch if call.target.name.is_some() => write::patch(cluster, &call),
        Verb::Delete => write::deletion::delete(cluster, &call),
        Verb::DeleteCollection => write::deletion::delete_collection(cluster, &call),
        _ => Err(Status::method_not_allowed()),
    }
}

impl Call {
    /// The media type of the body, without parameters.
    fn media_type(&self) -> &str {
        let value = self.headers.get(header::CONTENT_TYPE);
        let text = value.and_then(|value| value.to_str().ok()).unwrap_or("");
        text.split(';').next().unwrap_or("").trim()
    }

    fn json(&self) -> Result<Value> {
        if !matches!(self.media_type(), "" | "application/json") {
            return Err(Status::unsupported_media_type(&["application/json"]));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            Status::bad_request(format!(
                "couldn't get version/kind; json parse error: {error}"
            ))
        })
    }
}

/// The answer for a path that is not in the API.
fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "404 page not found\n").into_response()
}

fn json_response(code: StatusCode, json: impl Into<Body>) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (code, kind, json.into()).into_response()
}

/// How often an idle watch sends a bookmark with the resource version.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
