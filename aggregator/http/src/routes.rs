//! The REST API: one line per call, and the layers around all of them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use tower::{ServiceBuilder, ServiceExt as _};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tracing::Instrument as _;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::App;
use crate::extract::BODY_LIMIT;
use crate::openapi::{Document, examples, idempotency_key, in_folder};
use crate::problem_response::ProblemResponse;
use crate::{idempotency, origin, problem_response};
use diagnostics::{Problem, ProblemCode};

mod audit;
mod clusters;
mod conditions;
mod document;
mod enrolment;
mod events;
mod fleet;
mod health;
mod image;
mod invitations;
mod join;
mod log;
mod metrics;
mod namespaces;
mod operations;
mod pause;
mod pods;
mod restart;
mod resume;
mod revisions;
mod rollout;
mod runs;
mod scale;
mod session;
mod undo;
mod watch;
mod workload;
mod workload_body;
mod workloads;

pub use document::openapi_json;

/// How long a call may take before its answer begins.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Every call of the API, with the document that describes them.
#[must_use]
pub fn api() -> OpenApiRouter<App> {
    let mut api = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(session::login))
        .routes(routes!(session::logout))
        .routes(routes!(session::me))
        .routes(routes!(clusters::list_clusters))
        .routes(routes!(clusters::patch_cluster))
        .routes(routes!(watch::watch_fleet))
        .routes(routes!(enrolment::enroll_cluster))
        .routes(routes!(enrolment::revoke_cluster))
        .routes(routes!(join::invite_cluster))
        .routes(routes!(join::join_cluster))
        .routes(routes!(invitations::list_invitations))
        .routes(routes!(invitations::withdraw_invitation))
        .routes(routes!(namespaces::list_namespaces))
        .routes(routes!(fleet::list_fleet_deployments))
        .routes(routes!(fleet::list_fleet_workloads))
        .routes(routes!(fleet::list_workload_groups))
        .routes(routes!(workloads::list_workloads))
        .routes(routes!(workloads::list_deployments))
        .routes(routes!(restart::restart_deployment))
        .routes(routes!(pause::pause_deployment))
        .routes(routes!(resume::resume_deployment))
        .routes(routes!(scale::scale_deployment))
        .routes(routes!(image::set_images))
        .routes(routes!(undo::undo_workload))
        .routes(routes!(workload::get_workload))
        .routes(routes!(rollout::get_rollout))
        .routes(routes!(rollout::watch_rollout))
        .routes(routes!(revisions::list_revisions))
        .routes(routes!(revisions::diff_revisions))
        .routes(routes!(log::read_log))
        .routes(routes!(log::watch_log))
        .routes(routes!(pods::list_pods))
        .routes(routes!(events::list_events))
        .routes(routes!(runs::create_run))
        .routes(routes!(runs::list_runs))
        .routes(routes!(runs::get_run))
        .routes(routes!(runs::list_run_targets))
        .routes(routes!(runs::watch_run))
        .routes(routes!(runs::pause_run))
        .routes(routes!(runs::resume_run))
        .routes(routes!(runs::abort_run))
        .routes(routes!(runs::approve_run))
        .routes(routes!(runs::retry_run))
        .routes(routes!(audit::read_audit))
        .routes(routes!(operations::get_operation))
        .routes(routes!(conditions::list_conditions))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::read_metrics));
    examples::add(api.get_openapi_mut());
    idempotency_key::add(api.get_openapi_mut());
    api
}

/// The path of the document.
const OPENAPI: &str = "/openapi.json";

/// Whether the service has paths in this folder itself, so that a path would be ambiguous.
#[must_use]
pub fn has_folder(folder: &str) -> bool {
    let first = |path: &str| path.split('/').nth(1).unwrap_or_default().to_owned();
    let api = api();
    let paths = api.get_openapi().paths.paths.keys().map(String::as_str);
    let mut paths = paths.chain(["/ui", "/docs", OPENAPI]);
    !folder.is_empty() && paths.any(|path| first(path) == first(folder))
}

/// The service until the bus and the data in it can be used: it reports that the process is alive but not ready.
pub fn once_ready(service: Arc<OnceLock<Router>>) -> Router {
    let waiting = || async {
        let detail = "the aggregator is waiting for the bus";
        ProblemResponse(Problem::new(ProblemCode::BusUnavailable, detail))
    };
    let waiting = Router::new()
        .route("/livez", get(health::livez))
        .fallback(waiting)
        .layer(middleware::from_fn(problem_response::render))
        .layer(middleware::from_fn(with_request_id))
        .layer(content_security_policy(NO_PAGE));
    Router::new().fallback(move |request: Request| {
        let router = service.get().unwrap_or(&waiting).clone();
        router.oneshot(request)
    })
}

/// For responses that are not pages: nothing may be loaded, and no site may frame them.
const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";

/// Swagger UI is its own files, pictures in its style sheet, and one style attribute, known by its hash.
const SWAGGER_UI: &str = "default-src 'none'; script-src 'self'; \
     style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Unless an inner layer has set it.
fn content_security_policy(policy: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    let value = HeaderValue::from_static(policy);
    SetResponseHeaderLayer::if_not_present(header::CONTENT_SECURITY_POLICY, value)
}

/// The whole service.
pub fn router(app: App) -> Router {
    let (api, mut document) = api().split_for_parts();
    let folder = app.links.folder();
    in_folder(&mut document, &folder);
    let docs = SwaggerUi::new("/docs")
        .url(OPENAPI, document)
        .config(Config::new([format!("{folder}{OPENAPI}")]));
    // Event streams are not compressed: a compressor would hold events back.
    let compressed = DefaultPredicate::new().and(NotForContentType::new("text/event-stream"));
    let around = ServiceBuilder::new()
        .layer(middleware::from_fn_with_state(app.clone(), metrics::count))
        .layer(middleware::from_fn(with_request_id))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_FRAME_OPTIONS,
            HeaderValue::from_static("DENY"),
        ))
        .layer(content_security_policy(NO_PAGE))
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(middleware::from_fn(problem_response::render))
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            ANSWER_WITHIN,
        ))
        .layer(middleware::from_fn_with_state(
            app.clone(),
            origin::same_site_only,
        ))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    // Responses of the API are private and soon out of date; the pages of /docs may be cached.
    let api: Router = api
        .layer(middleware::from_fn_with_state(
            app.clone(),
            idempotency::once,
        ))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ))
        .with_state(app);
    let docs = Router::from(docs).layer(content_security_policy(SWAGGER_UI));
    docs.merge(api).layer(around)
}

/// Gives each call an id, in the log and in the response. An id sent by the caller is ignored: it could forge lines of the log.
async fn with_request_id(mut request: Request, next: Next) -> Response {
    let id = format!("{:016x}", rand::random::<u64>());
    let value = HeaderValue::from_str(&id).expect("hexadecimal digits are legal in a header");
    request.headers_mut().insert("x-request-id", value.clone());
    let span = tracing::info_span!("call", id, method = %request.method(), path = loggable(request.uri().path()));
    let probed = matches!(request.uri().path(), "/livez" | "/readyz" | "/metrics");
    let began = std::time::Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, milliseconds) = (response.status().as_u16(), began.elapsed().as_millis());
    span.in_scope(|| match probed {
        // Probes repeat every few seconds.
        true if status == 200 => tracing::debug!(status, milliseconds, "answered"),
        _ => tracing::info!(status, milliseconds, "answered"),
    });
    response.headers_mut().insert("x-request-id", value);
    response
}

/// A path as it may be logged: a link that joins a cluster is a secret.
fn loggable(path: &str) -> &str {
    if path.starts_with(join::PREFIX) {
        join::PREFIX
    } else {
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_of_the_bus_has_a_call() {
        let api = api();
        let paths = &api.get_openapi().paths.paths;
        let resources: Vec<_> = paths.keys().flat_map(|path| path.split('/')).collect();
        for verb in bus_schema::VERBS {
            let resource = match verb.name {
                // Answered from heartbeats.
                "info" => "clusters",
                "get" => "workloads",
                name => name,
            };
            assert!(
                resources.contains(&resource),
                "no call for the verb {}",
                verb.name
            );
        }
    }
}
