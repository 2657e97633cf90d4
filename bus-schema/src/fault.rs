//! How a request fails. On the wire: the headers of the NATS services convention (ADR-32) and this as the JSON body.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A failure with a code for programs and a message for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What failed; stable.
    pub code: FaultCode,
    /// What is wrong and what would be right, for people. The text may change; programs must not parse it.
    pub message: String,
    /// The part of the request that is wrong; of the object, if the API server refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The cluster's API server refused it, not its agent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_api_server: bool,
}

impl Fault {
    /// A fault of this code with this message.
    #[must_use]
    pub fn new(code: FaultCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
            from_api_server: false,
        }
    }

    /// The request is wrong in this field.
    #[must_use]
    pub fn in_field(field: &str, why: impl fmt::Display) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(FaultCode::InvalidRequest, format!("{field}: {why}"))
        }
    }

    /// The message in a form that fits into a header: one line of visible characters, at most 200 bytes. Every NATS client rejects a
    /// line break in a header, some of them with a panic.
    #[must_use]
    pub fn header(&self) -> String {
        let mut line = String::new();
        for c in self.message.chars() {
            let c = if c.is_control() { ' ' } else { c };
            if line.len() + c.len_utf8() > 200 {
                break;
            }
            line.push(c);
        }
        // A blank at the end would not arrive.
        line.truncate(line.trim_end().len());
        line
    }
}

macro_rules! fault_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:literal;)*) => {
        /// What failed. Unknown codes of a newer agent are preserved.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum FaultCode {
            $($(#[$doc])* $variant,)*
            /// A code that this version does not know.
            Other(String),
        }

        impl FaultCode {
            /// Every code that this version knows.
            pub const ALL: &'static [FaultCode] = &[$(FaultCode::$variant,)*];

            /// The stable text of the code.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Other(code) => code,
                }
            }

            /// The number in the header `Nats-Service-Error-Code`, in the sense of HTTP statuses.
            #[must_use]
            pub fn status(&self) -> u16 {
                match self {
                    $(Self::$variant => $status,)*
                    Self::Other(_) => 500,
                }
            }
        }

        impl From<FaultCode> for String {
            fn from(code: FaultCode) -> Self {
                code.as_str().to_owned()
            }
        }

        impl From<String> for FaultCode {
            fn from(code: String) -> Self {
                match code.as_str() {
                    $($code => Self::$variant,)*
                    _ => Self::Other(code),
                }
            }
        }
    };
}

fault_codes! {
    /// The payload is not valid for the verb; the message names the field.
    InvalidRequest = "invalid_request", 400;
    /// The namespace, deployment, pod or container does not exist.
    NotFound = "not_found", 404;
    /// The agent's ServiceAccount may not do it: its RBAC lacks the permission.
    Forbidden = "forbidden", 403;
    /// The API server does not accept the agent's token.
    Unauthorized = "unauthorized", 401;
    /// The deployment is paused; resume it first.
    Paused = "paused", 409;
    /// The workload does not have the number of replicas that the request expects.
    ReplicasChanged = "replicas_changed", 409;
    /// A newer restart has been made already.
    Superseded = "superseded", 409;
    /// The cluster that answers to this name is not the one that the request was meant for.
    IdentityConflict = "identity_conflict", 409;
    /// Conflicts with concurrent changes of the object persisted through all retries.
    Conflict = "conflict", 409;
    /// The deadline had already passed; nothing was done.
    Expired = "expired", 408;
    /// The write was sent to the API server and its outcome is not known.
    OutcomeUnknown = "outcome_unknown", 504;
    /// The `continue` token has expired or belongs to another list; start again.
    ContinueExpired = "continue_expired", 410;
    /// A single item is larger than a reply may be.
    TooLarge = "too_large", 413;
    /// The API server throttles requests.
    RateLimited = "rate_limited", 429;
    /// As many rollouts are under way in the cluster as its agent allows.
    TooManyRollouts = "too_many_rollouts", 429;
    /// The agent is processing its maximum number of requests.
    Busy = "busy", 503;
    /// The agent is shutting down; another agent of the cluster may answer.
    Leaving = "leaving", 503;
    /// The agent has not read the cluster's state yet.
    NotReady = "not_ready", 503;
    /// The API server cannot be reached or answers with errors.
    KubernetesUnavailable = "kubernetes_unavailable", 502;
    /// The API server did not answer in time.
    KubernetesTimeout = "kubernetes_timeout", 504;
    /// The agent does not know the verb.
    UnknownVerb = "unknown_verb", 501;
    /// The agent knows the verb, but its cluster is not enrolled for it.
    VerbNotEnabled = "verb_not_enabled", 403;
    /// A defect of the agent.
    Internal = "internal", 500;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip_through_their_text_and_unknown_codes_are_preserved() {
        for code in FaultCode::ALL {
            assert_eq!(&FaultCode::from(code.as_str().to_owned()), code);
        }
        let newer: FaultCode = serde_json::from_str("\"brand_new\"").unwrap();
        assert_eq!(serde_json::to_string(&newer).unwrap(), "\"brand_new\"");
    }

    #[test]
    fn a_header_is_one_short_line() {
        let fault = Fault::new(
            FaultCode::Internal,
            format!("a\r\nb\u{1b}[31m{}", "é".repeat(300)),
        );
        let header = fault.header();
        assert!(header.len() <= 200);
        let cut = Fault::new(FaultCode::Internal, format!("{} b", "a".repeat(199)));
        assert_eq!(cut.header(), "a".repeat(199));
        assert!(!header.chars().any(char::is_control), "{header:?}");
    }
}
