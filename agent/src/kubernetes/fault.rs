//! Maps the API server's errors to faults and conditions.

use bus_schema::{ConditionType, Fault, FaultCode};
use kube::core::Status;

use super::CallError;

impl From<CallError> for Fault {
    fn from(error: CallError) -> Self {
        let code = match &error {
            CallError::TimedOut => FaultCode::KubernetesTimeout,
            CallError::NotConnected(_) | CallError::AnswerLost(_) => {
                FaultCode::KubernetesUnavailable
            }
            CallError::Refused(status) => of_status(status.code),
        };
        let status = match &error {
            CallError::Refused(status) => Some(&**status),
            _ => None,
        };
        let (from_api_server, field) = (status.is_some(), status.and_then(field));
        let message = match error {
            CallError::Refused(status) => status.message,
            CallError::NotConnected(ref cause) | CallError::AnswerLost(ref cause) => {
                format!("{error}: {}", root(cause))
            }
            CallError::TimedOut => error.to_string(),
        };
        Self {
            field,
            from_api_server,
            ..Self::new(code, message)
        }
    }
}

/// The field of the object that the API server names first.
fn field(status: &Status) -> Option<String> {
    let details = status.details.as_ref()?;
    let mut fields = details.causes.iter().map(|cause| &cause.field);
    fields.find(|field| !field.is_empty()).cloned()
}

fn of_status(code: u16) -> FaultCode {
    match code {
        400 | 422 => FaultCode::InvalidRequest,
        401 => FaultCode::Unauthorized,
        403 => FaultCode::Forbidden,
        404 => FaultCode::NotFound,
        409 => FaultCode::Conflict,
        410 => FaultCode::ContinueExpired,
        429 => FaultCode::RateLimited,
        504 => FaultCode::KubernetesTimeout,
        500.. => FaultCode::KubernetesUnavailable,
        _ => FaultCode::Internal,
    }
}

/// The condition of the cluster that a failed call indicates, with its message; `None` if the failure concerns only the object.
pub fn condition_of(error: &CallError) -> Option<(ConditionType, String)> {
    let kind = match error.code() {
        None => ConditionType::KubernetesUnreachable,
        Some(401) => ConditionType::Unauthorized,
        Some(403) => ConditionType::Forbidden,
        Some(500..) => ConditionType::KubernetesUnreachable,
        Some(_) => return None,
    };
    let message = match error {
        CallError::NotConnected(cause) | CallError::AnswerLost(cause) => {
            format!("{error}: {}", root(cause))
        }
        _ => error.to_string(),
    };
    Some((kind, message))
}

/// The root cause, which distinguishes a refused connection from a bad certificate.
fn root(error: &kube::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fault(code: u16) -> Fault {
        let status = Status::failure("words of the server", "R").with_code(code);
        CallError::Refused(status.boxed()).into()
    }

    #[test]
    fn each_status_maps_to_its_code_with_the_servers_message() {
        for (status, code) in [
            (401, FaultCode::Unauthorized),
            (403, FaultCode::Forbidden),
            (404, FaultCode::NotFound),
            (409, FaultCode::Conflict),
            (429, FaultCode::RateLimited),
            (500, FaultCode::KubernetesUnavailable),
            (503, FaultCode::KubernetesUnavailable),
            (504, FaultCode::KubernetesTimeout),
        ] {
            let fault = fault(status);
            assert_eq!(fault.code, code, "{status}");
            assert_eq!(fault.message, "words of the server");
            assert!(fault.from_api_server);
        }
        assert!(!Fault::from(CallError::TimedOut).from_api_server);
    }

    #[test]
    fn what_the_server_finds_invalid_has_the_field_that_it_names() {
        for (causes, field) in [
            (json!([]), None),
            (json!([{"message": "no"}]), None),
            (
                json!([{"message": "no"}, {"field": "spec.replicas"}]),
                Some("spec.replicas"),
            ),
        ] {
            let status = json!({"code": 422, "details": {"causes": causes}});
            let status: Status = serde_json::from_value(status).expect("a status");
            let fault = Fault::from(CallError::Refused(status.boxed()));
            assert_eq!(fault.code, FaultCode::InvalidRequest);
            assert_eq!(fault.field.as_deref(), field);
            assert!(fault.from_api_server);
        }
    }

    #[test]
    fn a_missing_object_says_nothing_about_the_cluster() {
        let status = Status::failure("gone", "NotFound").with_code(404);
        assert_eq!(condition_of(&CallError::Refused(status.boxed())), None);
        let (kind, _) = condition_of(&CallError::TimedOut).unwrap();
        assert_eq!(kind, ConditionType::KubernetesUnreachable);
    }
}
