//! How a call fails, with a stable code. Knows the faults that agents return, no other source of failures, and nothing of HTTP: that is
//! in `problem_response`.

use std::borrow::Cow;
use std::time::Duration;

use bus_schema::{Fault, FaultCode, OperationId};
use serde::Serialize;
use utoipa::ToSchema;

/// A failed call.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
pub struct Problem {
    /// What failed, for programs.
    pub code: ProblemCode,
    /// What is wrong and how to correct it, for people.
    pub detail: Cow<'static, str>,
    /// The part of the request that is wrong; of the object, if its API server refused it.
    pub field: Option<String>,
    /// Where it failed, if that is not the code's usual [`Hop`].
    pub failed_at: Option<Hop>,
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
    ($($(#[doc = $doc:literal])* $variant:ident = $code:literal, $hop:ident, $retryable:literal;)*) => {
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

            /// Where it failed, unless a problem says otherwise.
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
    InvalidRequest = "invalid_request", Aggregator, false;
    /// A value in the request is not valid: `field` says which.
    InvalidValue = "invalid_request", Aggregator, false;
    /// No session, or one that has ended.
    Unauthenticated = "unauthenticated", Aggregator, false;
    /// The caller's grants do not allow it.
    Forbidden = "forbidden", Aggregator, false;
    /// A browser sent this from another site.
    CrossSite = "cross_site", Aggregator, false;
    /// The path does not exist.
    RouteUnknown = "route_unknown", Aggregator, false;
    /// The path does not support this method.
    MethodNotAllowed = "method_not_allowed", Aggregator, false;
    /// The body is larger than the limit.
    BodyTooLarge = "body_too_large", Aggregator, false;
    /// The call does not accept a body of this content type.
    MediaTypeUnsupported = "media_type_unsupported", Aggregator, false;
    /// The body of a request must not be compressed.
    ContentEncodingUnsupported = "content_encoding_unsupported", Aggregator, false;
    /// The request did not arrive in time.
    RequestTimeout = "request_timeout", Aggregator, true;
    /// Too many attempts.
    RateLimited = "rate_limited", Aggregator, true;
    /// The audit cannot be written, so changes and sign-ins are refused.
    AuditUnavailable = "audit_unavailable", Aggregator, true;
    /// An internal error of the aggregator.
    Internal = "internal", Aggregator, false;
    /// The bus is unavailable.
    BusUnavailable = "bus_unavailable", Bus, true;
    /// No such cluster, or none that the caller may see.
    ClusterUnknown = "cluster_unknown", Aggregator, false;
    /// No agent of the cluster is connected.
    ClusterOffline = "cluster_offline", Bus, true;
    /// The agent did not answer a read in time.
    ClusterTimeout = "cluster_timeout", Agent, true;
    /// A write was sent and its outcome is not known yet: the aggregator goes on to determine it.
    OutcomeUnknown = "outcome_unknown", Agent, false;
    /// The write came too late and was not carried out.
    Expired = "expired", Agent, true;
    /// This aggregator has no keys to enroll clusters with.
    EnrolmentUnavailable = "enrolment_unavailable", Aggregator, false;
    /// The process that signs credentials does not answer.
    SignerUnavailable = "signer_unavailable", Aggregator, true;
    /// The cluster has as many credentials as it may.
    CredentialsExhausted = "credentials_exhausted", Aggregator, false;
    /// The cluster has no such credential.
    CredentialUnknown = "credential_unknown", Aggregator, false;
    /// The link was used or withdrawn, has expired, or never existed.
    InvitationUnknown = "invitation_unknown", Aggregator, false;
    /// The cluster is connected with a credential that was not issued here.
    CredentialUnrecorded = "credential_unrecorded", Aggregator, false;
    /// The list of revoked credentials has reached the largest size of a message on the bus.
    RevocationsFull = "revocations_full", Bus, false;
    /// Two Kubernetes clusters claim the name.
    IdentityConflict = "identity_conflict", Agent, false;
    /// The agent does not know the verb.
    AgentTooOld = "agent_too_old", Agent, false;
    /// The cluster is not enrolled for this change.
    VerbNotEnabled = "verb_not_enabled", Agent, false;
    /// The agent sent an invalid reply.
    AgentMisbehaves = "agent_misbehaves", Agent, false;
    /// The agent has too many requests, is shutting down, or has not read its cluster yet.
    AgentBusy = "agent_busy", Agent, true;
    /// As many rollouts are under way in the cluster as its agent allows.
    TooManyRollouts = "too_many_rollouts", Agent, true;
    /// The reply would be larger than the bus allows.
    ReplyTooLarge = "reply_too_large", Agent, false;
    /// The list has changed too much to continue from this cursor.
    ContinueExpired = "continue_expired", Kubernetes, false;
    /// The namespace, deployment, pod or container does not exist.
    NotFound = "not_found", Kubernetes, false;
    /// The cluster does not allow the agent to do it.
    ClusterForbids = "cluster_forbids", Kubernetes, false;
    /// The deployment is paused.
    Paused = "paused", Kubernetes, false;
    /// The workload does not have the number of replicas that the request expects.
    ReplicasChanged = "replicas_changed", Kubernetes, false;
    /// A newer restart has been made.
    Superseded = "superseded", Kubernetes, false;
    /// The idempotency key was used for another request.
    IdempotencyKeyReused = "idempotency_key_reused", Aggregator, false;
    /// The first request with this idempotency key has begun its operation: it is being carried out, or was interrupted.
    IdempotencyKeyInFlight = "idempotency_key_in_flight", Aggregator, true;
    /// The cluster or the namespace is protected: `confirm` has to name it.
    ConfirmationRequired = "confirmation_required", Aggregator, false;
    /// The plan of the run is no longer the one that was previewed.
    PlanChanged = "plan_changed", Aggregator, false;
    /// The workload is a target of another run that has not ended.
    WorkloadInRun = "workload_in_run", Aggregator, true;
    /// The run does not allow it in its current state.
    RunState = "run_state", Aggregator, false;
    /// The run has changed since the revision that was sent.
    RevisionStale = "revision_stale", Aggregator, false;
    /// The run would have more targets than a run may have.
    TooManyTargets = "too_many_targets", Aggregator, false;
    /// The object kept changing while it was written.
    Conflict = "conflict", Kubernetes, true;
    /// The API server fails, cannot be reached, or limits the rate of requests.
    KubernetesUnavailable = "kubernetes_unavailable", Kubernetes, true;
    /// The API server did not answer in time.
    KubernetesTimeout = "kubernetes_timeout", Kubernetes, true;
}

impl Problem {
    /// A problem of this code.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            field: None,
            failed_at: None,
            operation_id: None,
            retry_after: None,
        }
    }

    /// Where it failed.
    #[must_use]
    pub fn hop(&self) -> Hop {
        self.failed_at.unwrap_or(self.code.hop())
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
            FaultCode::ReplicasChanged => ProblemCode::ReplicasChanged,
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
            FaultCode::TooManyRollouts => ProblemCode::TooManyRollouts,
            FaultCode::KubernetesTimeout => ProblemCode::KubernetesTimeout,
            FaultCode::VerbNotEnabled => ProblemCode::VerbNotEnabled,
            FaultCode::UnknownVerb => ProblemCode::AgentTooOld,
            FaultCode::Internal | FaultCode::Other(_) => ProblemCode::AgentMisbehaves,
        };
        let failed_at = match code {
            _ if fault.from_api_server => Some(Hop::Kubernetes),
            ProblemCode::InvalidValue => Some(Hop::Agent),
            _ => None,
        };
        Self {
            field: fault.field,
            failed_at,
            ..Self::new(code, fault.message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_refuses_failed_there_or_at_its_api_server() {
        let by_agent = Fault::in_field("tail", "too many");
        let by_server = Fault {
            from_api_server: true,
            ..by_agent.clone()
        };
        for (fault, hop) in [(by_agent, Hop::Agent), (by_server, Hop::Kubernetes)] {
            let problem = Problem::from(fault);
            assert_eq!(problem.hop(), hop);
            assert_eq!(problem.field.as_deref(), Some("tail"));
        }
        let own = Problem::new(ProblemCode::InvalidValue, "");
        assert_eq!(own.hop(), Hop::Aggregator);
    }
}
