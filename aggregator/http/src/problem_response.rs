//! Failures over HTTP: `application/problem+json` (RFC 9457), and the status of each code.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use diagnostics::{Problem, ProblemCode};

mod render;

pub use render::{ProblemBody, Rendered, problem_json, render, rendered};

/// A failed call as a response. [`render`] writes its body, since the request's id is known only there.
#[derive(Debug, Clone)]
pub struct ProblemResponse(pub Problem);

impl From<Problem> for ProblemResponse {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

/// The status of a code.
#[must_use]
pub const fn status(code: ProblemCode) -> StatusCode {
    use ProblemCode as C;
    match code {
        C::InvalidRequest => StatusCode::BAD_REQUEST,
        C::InvalidValue | C::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        C::Unauthenticated => StatusCode::UNAUTHORIZED,
        C::Forbidden | C::CrossSite | C::VerbNotEnabled => StatusCode::FORBIDDEN,
        C::RouteUnknown
        | C::ClusterUnknown
        | C::CredentialUnknown
        | C::InvitationUnknown
        | C::NotFound => StatusCode::NOT_FOUND,
        C::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        C::BodyTooLarge | C::TooManyTargets => StatusCode::PAYLOAD_TOO_LARGE,
        C::MediaTypeUnsupported | C::ContentEncodingUnsupported => {
            StatusCode::UNSUPPORTED_MEDIA_TYPE
        }
        C::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        C::RateLimited | C::TooManyRollouts => StatusCode::TOO_MANY_REQUESTS,
        C::AuditUnavailable
        | C::BusUnavailable
        | C::ClusterOffline
        | C::SignerUnavailable
        | C::RevocationsFull
        | C::AgentBusy => StatusCode::SERVICE_UNAVAILABLE,
        C::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        C::ClusterTimeout | C::OutcomeUnknown | C::Expired | C::KubernetesTimeout => {
            StatusCode::GATEWAY_TIMEOUT
        }
        C::EnrolmentUnavailable | C::AgentTooOld => StatusCode::NOT_IMPLEMENTED,
        C::CredentialsExhausted
        | C::CredentialUnrecorded
        | C::IdentityConflict
        | C::IdempotencyKeyInFlight
        | C::Paused
        | C::ReplicasChanged
        | C::Superseded
        | C::PlanChanged
        | C::WorkloadInRun
        | C::RunState
        | C::RevisionStale
        | C::Conflict => StatusCode::CONFLICT,
        C::AgentMisbehaves | C::ReplyTooLarge | C::ClusterForbids | C::KubernetesUnavailable => {
            StatusCode::BAD_GATEWAY
        }
        C::ContinueExpired => StatusCode::GONE,
        C::ConfirmationRequired => StatusCode::PRECONDITION_REQUIRED,
    }
}

impl IntoResponse for ProblemResponse {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let mut response = status(problem.code).into_response();
        if let Some(after) = problem.retry_after {
            // Rounded up, so that a caller who waits that long is not refused again.
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // It tells a client that the coding was wrong, not the media type (RFC 9110, 12.5.3).
        if problem.code == ProblemCode::ContentEncodingUnsupported {
            let accepted = HeaderValue::from_static("identity");
            response
                .headers_mut()
                .insert(header::ACCEPT_ENCODING, accepted);
        }
        response.extensions_mut().insert(problem);
        response
    }
}
