//! How a call fails: `application/problem+json` (RFC 9457) with a stable code. Knows nothing of where failures come from, but for
//! the faults that agents answer with.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bus_schema::{Fault, FaultCode, OperationId};
use serde::Serialize;
use utoipa::ToSchema;

mod render;

pub use render::{ProblemBody, render};

/// A failed call. Becomes a response whose body [`render`] writes, since only there the request's id is known.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
pub struct Problem {
    /// What failed, for programs.
    pub code: ProblemCode,
    /// What is wrong and what would be right, for people.
    pub detail: Cow<'static, str>,
    /// The part of the request that is wrong.
    pub field: Option<String>,
    /// The write that failed.
    pub operation_id: Option<OperationId>,
    /// When it is worth trying again.
    pub retry_after: Option<Duration>,
}

/// Where it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Hop {
    /// Here.
    Aggregator,
    /// Between here and the cluster.
    Bus,
    /// In the cluster's agent.
    Agent,
    /// In the cluster's API server.
    Kubernetes,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $variant:ident = $code:literal, $status:ident, $hop:ident, $retryable:literal;)*) => {
        /// The stable code of a failure.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum ProblemCode {
            $($(#[doc = $doc])* $variant,)*
        }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// What it means, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*).trim(),)* }
            }

            /// The code as it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// Where it failed.
            #[must_use]
            pub const fn hop(self) -> Hop {
                match self { $(Self::$variant => Hop::$hop,)* }
            }

            /// Whether the same call may succeed later without any change.
            #[must_use]
            pub const fn retryable(self) -> bool {
                match self { $(Self::$variant => $retryable,)* }
            }
        }
    };
}

codes! {
    /// The request cannot be read: `field` says which part.
    InvalidRequest = "invalid_request", BAD_REQUEST, Aggregator, false;
    /// The request can be read, but a value is not what it should be: `field` says which.
    InvalidValue = "invalid_request", UNPROCESSABLE_ENTITY, Aggregator, false;
    /// No session, or one that has ended.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, Aggregator, false;
    /// The caller's grants do not allow it.
    Forbidden = "forbidden", FORBIDDEN, Aggregator, false;
    /// A browser sent this from another site.
    CrossSite = "cross_site", FORBIDDEN, Aggregator, false;
    /// The path does not exist.
    RouteUnknown = "route_unknown", NOT_FOUND, Aggregator, false;
    /// The path does not take this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, Aggregator, false;
    /// The body is larger than a request may be.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, Aggregator, false;
    /// The body is of another type than the call takes.
    MediaTypeUnsupported = "media_type_unsupported", UNSUPPORTED_MEDIA_TYPE, Aggregator, false;
    /// The request did not arrive in time.
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, Aggregator, true;
    /// Too many attempts.
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, Aggregator, true;
    /// The audit cannot be written, and so nothing is changed and nobody signed in.
    AuditUnavailable = "audit_unavailable", SERVICE_UNAVAILABLE, Aggregator, true;
    /// A defect of the aggregator.
    Internal = "internal", INTERNAL_SERVER_ERROR, Aggregator, false;
    /// The aggregator is cut off from the bus.
    BusUnavailable = "bus_unavailable", SERVICE_UNAVAILABLE, Bus, true;
    /// No such cluster, or none that the caller may see.
    ClusterUnknown = "cluster_unknown", NOT_FOUND, Aggregator, false;
    /// No agent of the cluster listens.
    ClusterOffline = "cluster_offline", SERVICE_UNAVAILABLE, Bus, true;
    /// The agent did not answer a read in time.
    ClusterTimeout = "cluster_timeout", GATEWAY_TIMEOUT, Agent, true;
    /// A write was sent and its outcome is not known yet: it will be settled by reading the cluster back.
    OutcomeUnknown = "outcome_unknown", GATEWAY_TIMEOUT, Agent, false;
    /// The write came too late and was not carried out.
    Expired = "expired", GATEWAY_TIMEOUT, Agent, true;
    /// This aggregator has no keys to let clusters in with.
    EnrolmentUnavailable = "enrolment_unavailable", NOT_IMPLEMENTED, Aggregator, false;
    /// The process that signs credentials does not answer.
    SignerUnavailable = "signer_unavailable", SERVICE_UNAVAILABLE, Aggregator, true;
    /// The cluster has as many credentials as it may.
    CredentialsExhausted = "credentials_exhausted", CONFLICT, Aggregator, false;
    /// The cluster has no such credential.
    CredentialUnknown = "credential_unknown", NOT_FOUND, Aggregator, false;
    /// The link has been used, is too old, or was never made.
    InvitationUnknown = "invitation_unknown", NOT_FOUND, Aggregator, false;
    /// The cluster is there with a credential that was not enrolled here.
    CredentialUnrecorded = "credential_unrecorded", CONFLICT, Aggregator, false;
    /// The list of revoked credentials is as large as a message on the bus may be.
    RevocationsFull = "revocations_full", SERVICE_UNAVAILABLE, Bus, false;
    /// Two Kubernetes clusters claim the name.
    IdentityConflict = "identity_conflict", CONFLICT, Agent, false;
    /// The agent does not know the verb.
    AgentTooOld = "agent_too_old", NOT_IMPLEMENTED, Agent, false;
    /// The agent answered with what is not a reply.
    AgentMisbehaves = "agent_misbehaves", BAD_GATEWAY, Agent, false;
    /// The agent has too much in hand, is leaving, or has not read its cluster yet.
    AgentBusy = "agent_busy", SERVICE_UNAVAILABLE, Agent, true;
    /// The reply would be larger than the bus carries.
    ReplyTooLarge = "reply_too_large", BAD_GATEWAY, Agent, false;
    /// The list has changed too much to go on with this page token.
    ContinueExpired = "continue_expired", GONE, Kubernetes, false;
    /// The namespace, deployment, pod or container does not exist.
    NotFound = "not_found", NOT_FOUND, Kubernetes, false;
    /// The agent's RBAC forbids it.
    ClusterForbids = "cluster_forbids", BAD_GATEWAY, Kubernetes, false;
    /// The deployment is paused.
    Paused = "paused", CONFLICT, Kubernetes, false;
    /// A newer restart has been made.
    Superseded = "superseded", CONFLICT, Kubernetes, false;
    /// The object kept changing while it was written.
    Conflict = "conflict", CONFLICT, Kubernetes, true;
    /// The API server fails, cannot be reached, or asks to slow down.
    KubernetesUnavailable = "kubernetes_unavailable", BAD_GATEWAY, Kubernetes, true;
    /// The API server did not answer in time.
    KubernetesTimeout = "kubernetes_timeout", GATEWAY_TIMEOUT, Kubernetes, true;
}

impl Problem {
    /// A problem of this code.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            field: None,
            operation_id: None,
            retry_after: None,
        }
    }

    /// Names the part of the request that is wrong.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Names the write that failed.
    #[must_use]
    pub fn operation(mut self, id: &OperationId) -> Self {
        self.operation_id = Some(id.clone());
        self
    }

    /// Says when it is worth trying again.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let code = match fault.code {
            FaultCode::InvalidRequest => ProblemCode::InvalidValue,
            FaultCode::NotFound => ProblemCode::NotFound,
            FaultCode::Forbidden | FaultCode::Unauthorized => ProblemCode::ClusterForbids,
            FaultCode::Paused => ProblemCode::Paused,
            FaultCode::Superseded => ProblemCode::Superseded,
            FaultCode::IdentityConflict => ProblemCode::IdentityConflict,
            FaultCode::Conflict => ProblemCode::Conflict,
            FaultCode::Expired => ProblemCode::Expired,
            FaultCode::OutcomeUnknown => ProblemCode::OutcomeUnknown,
            FaultCode::ContinueExpired => ProblemCode::ContinueExpired,
            FaultCode::TooLarge => ProblemCode::ReplyTooLarge,
            FaultCode::RateLimited | FaultCode::KubernetesUnavailable => {
                ProblemCode::KubernetesUnavailable
            }
            FaultCode::Busy | FaultCode::Leaving | FaultCode::NotReady => ProblemCode::AgentBusy,
            FaultCode::KubernetesTimeout => ProblemCode::KubernetesTimeout,
            FaultCode::UnknownVerb => ProblemCode::AgentTooOld,
            FaultCode::Internal | FaultCode::Other(_) => ProblemCode::AgentMisbehaves,
        };
        Self {
            field: fault.field,
            ..Self::new(code, fault.message)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        if let Some(after) = self.retry_after {
            // Rounded up, so that whoever waits that long is not refused once more.
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}
