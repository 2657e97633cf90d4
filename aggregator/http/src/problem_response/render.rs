//! Writes the body of every failed response, including those made by a library.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ProblemResponse, status};
use diagnostics::{Hop, Problem, ProblemCode};

/// The JSON of a failure, RFC 9457 with extensions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// The standard text of the status.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What failed; stable.
    code: &'a str,
    /// What is wrong and how to correct it.
    detail: &'a str,
    /// Where it failed.
    hop: Hop,
    /// Whether the same call may succeed later without any change.
    retryable: bool,
    /// The part of the request that is wrong; of the object, if `hop` is `kubernetes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// The id of this call in the logs.
    request_id: &'a str,
    /// The id of the failed operation in the audit.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<&'a str>,
}

/// Marks a failed response that has its body: it was stored with it.
#[derive(Debug, Clone, Copy)]
pub struct Rendered;

/// Middleware, directly inside the one that sets the request's id: writes the body of each failure.
pub async fn render(request: Request, next: Next) -> Response {
    let id = request.headers().get("x-request-id").cloned();
    let response = next.run(request).await;
    let status = response.status();
    let rendered = response.extensions().get::<Rendered>().is_some();
    if rendered || !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let problem = response.extensions().get::<Problem>().cloned();
    let problem = problem.unwrap_or_else(|| of_status(status));
    with_body(response, &problem, id.as_ref())
}

/// A failure response made by a library, such as for a path that does not exist.
fn of_status(status: StatusCode) -> Problem {
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => (
            ProblemCode::RouteUnknown,
            "there is no such path; see /docs",
        ),
        StatusCode::METHOD_NOT_ALLOWED => (
            ProblemCode::MethodNotAllowed,
            "this path does not support this method; see the header Allow",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => {
            (ProblemCode::BodyTooLarge, "the body is larger than 64 kB")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            ProblemCode::MediaTypeUnsupported,
            "send the body as application/json",
        ),
        StatusCode::FORBIDDEN => (
            ProblemCode::CrossSite,
            "a browser sent this from another site; open the page of this server itself",
        ),
        StatusCode::REQUEST_TIMEOUT => (
            ProblemCode::RequestTimeout,
            "the request did not arrive in time",
        ),
        StatusCode::TOO_MANY_REQUESTS => (ProblemCode::RateLimited, "too many requests"),
        status if status.is_client_error() => {
            (ProblemCode::InvalidRequest, "the request cannot be read")
        }
        _ => (
            ProblemCode::Internal,
            "internal error; search the aggregator's log for the request's id",
        ),
    };
    Problem::new(code, detail)
}

/// The body of a problem in the call of this id; `None` if it cannot be written as JSON.
#[must_use]
pub fn problem_json(problem: &Problem, request_id: Option<&HeaderValue>) -> Option<String> {
    let status = status(problem.code);
    let request_id = request_id.and_then(|id| id.to_str().ok());
    let body = ProblemBody {
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        code: problem.code.as_str(),
        detail: &problem.detail,
        hop: problem.hop(),
        retryable: problem.code.retryable(),
        field: problem.field.as_deref(),
        request_id: request_id.unwrap_or_default(),
        operation_id: problem.operation_id.as_ref().map(|id| id.as_str()),
    };
    serde_json::to_string(&body).ok()
}

/// The whole response of a problem outside of any call, which has no id.
#[must_use]
pub fn rendered(problem: Problem) -> Response {
    let response = ProblemResponse(problem.clone()).into_response();
    with_body(response, &problem, None)
}

fn with_body(mut response: Response, problem: &Problem, id: Option<&HeaderValue>) -> Response {
    let Some(json) = problem_json(problem, id) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    *response.status_mut() = status(problem.code);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(json);
    response
}
