//! Errors as a real API server returns them: kubectl and kube read `reason`, `code` and `details`, people the message.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::kind::Kind;

#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    pub code: u16,
    pub reason: &'static str,
    pub message: String,
    pub details: Option<Value>,
    /// The token to continue a list at the latest version after its own was compacted.
    pub continue_: Option<String>,
}

pub type Result<T> = std::result::Result<T, Status>;

impl Status {
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
            continue_: None,
        }
    }

    fn about(mut self, kind: Kind, name: &str) -> Self {
        self.details = Some(details(kind.group(), kind.plural(), name));
        self
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub fn not_found(kind: Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.qualified_plural());
        Self::new(404, "NotFound", message).about(kind, name)
    }

    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        let mut status = Self::new(405, "MethodNotAllowed", message);
        status.details = Some(json!({}));
        status
    }

    pub fn already_exists(kind: Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.qualified_plural());
        Self::new(409, "AlreadyExists", message).about(kind, name)
    }

    pub fn conflict(kind: Kind, name: &str, because: &str) -> Self {
        let plural = kind.qualified_plural();
        let message = format!("Operation cannot be fulfilled on {plural} \"{name}\": {because}");
        Self::new(409, "Conflict", message).about(kind, name)
    }

    pub fn modified(kind: Kind, name: &str) -> Self {
        let because = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, because)
    }

    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    pub fn too_old(requested: u64, oldest: u64) -> Self {
        Self::expired(format!("too old resource version: {requested} ({oldest})"))
    }

    pub fn unsupported_media_type(accepted: &[&str]) -> Self {
        let accepted = accepted.join(", ");
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {accepted}"
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    pub fn forbidden(kind: Kind, name: &str, because: &str) -> Self {
        let plural = kind.qualified_plural();
        let of = if name.is_empty() {
            plural
        } else {
            format!("{plural} \"{name}\"")
        };
        Self::new(403, "Forbidden", format!("{of} is forbidden: {because}")).about(kind, name)
    }

    pub fn invalid(kind: Kind, name: &str, causes: Vec<Cause>) -> Self {
        let text = match causes.as_slice() {
            [only] => only.to_string(),
            many => {
                let all: Vec<String> = many.iter().map(ToString::to_string).collect();
                format!("[{}]", all.join(", "))
            }
        };
        let message = format!("{} \"{name}\" is invalid: {text}", kind.qualified_name());
        let mut details = details(kind.group(), kind.name(), name);
        details["causes"] = causes.iter().map(Cause::to_json).collect();
        Self {
            details: Some(details),
            ..Self::new(422, "Invalid", message)
        }
    }

    /// A patch whose result is not an object of the kind.
    pub fn bad_patch(error: &str) -> Self {
        let cause = Cause::invalid("patch", &Value::Null, error);
        let message = format!(" \"\" is invalid: {cause}");
        Self {
            details: Some(json!({ "causes": [cause.to_json()] })),
            ..Self::new(422, "Invalid", message)
        }
    }

    /// Invalid options of a request; `what` is their kind.
    pub fn bad_options(what: &str, name: &str, causes: &[Cause]) -> Self {
        let text: Vec<String> = causes.iter().map(ToString::to_string).collect();
        let message = format!("{what} \"{name}\" is invalid: {}", text.join(", "));
        Self {
            details: Some(
                json!({ "causes": causes.iter().map(Cause::to_json).collect::<Vec<_>>() }),
            ),
            ..Self::new(422, "Invalid", message)
        }
    }

    /// The requested resource version is newer than the latest.
    pub fn too_large(requested: u64, latest: u64) -> Self {
        let message = format!("Too large resource version: {requested}, current: {latest}");
        let cause =
            json!({ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" });
        Self {
            details: Some(json!({ "causes": [cause], "retryAfterSeconds": 1 })),
            ..Self::new(504, "Timeout", format!("Timeout: {message}"))
        }
    }

    pub fn too_many_requests(retry_after_seconds: u32) -> Self {
        let message = "too many requests, please try again later";
        Self {
            details: Some(json!({ "retryAfterSeconds": retry_after_seconds })),
            ..Self::new(429, "TooManyRequests", message)
        }
    }

    pub fn internal(message: impl Into<String>) -> Self {
        let message = format!("Internal error occurred: {}", message.into());
        Self::new(500, "InternalError", message)
    }

    pub fn to_json(&self) -> Value {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if let Some(token) = &self.continue_ {
            body["metadata"]["continue"] = token.as_str().into();
        }
        if let Some(details) = &self.details {
            body["details"] = details.clone();
        }
        body
    }
}

fn details(group: &str, kind: &str, name: &str) -> Value {
    let mut details = json!({ "kind": kind });
    if !name.is_empty() {
        details["name"] = name.into();
    }
    if !group.is_empty() {
        details["group"] = group.into();
    }
    details
}

impl IntoResponse for Status {
    fn into_response(self) -> Response {
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (code, axum::Json(self.to_json())).into_response();
        let wait = self
            .details
            .as_ref()
            .and_then(|d| d["retryAfterSeconds"].as_u64());
        if let Some(seconds) = wait {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// One field that a 422 complains about.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    pub field: String,
    reason: &'static str,
    message: String,
}

impl Cause {
    pub fn required(field: impl Into<String>, detail: &str) -> Self {
        let message = if detail.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {detail}")
        };
        Self::new(field, "FieldValueRequired", message)
    }

    pub fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self::invalid_text(field, &value.to_string(), detail)
    }

    /// `value` as the message shows it.
    pub fn invalid_text(field: impl Into<String>, value: &str, detail: &str) -> Self {
        let message = format!("Invalid value: {value}: {detail}");
        Self::new(field, "FieldValueInvalid", message)
    }

    pub fn unsupported(field: impl Into<String>, value: &str, supported: &str) -> Self {
        Self::unsupported_text(field, &format!("\"{value}\""), &[supported])
    }

    /// `value` as the message shows it.
    pub fn unsupported_text(field: impl Into<String>, value: &str, supported: &[&str]) -> Self {
        let supported = supported.join("\", \"");
        let message = format!("Unsupported value: {value}: supported values: \"{supported}\"");
        Self::new(field, "FieldValueNotSupported", message)
    }

    pub fn forbidden(field: impl Into<String>, why: &str) -> Self {
        Self::new(field, "FieldValueForbidden", format!("Forbidden: {why}"))
    }

    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::new(
            field,
            "FieldValueDuplicate",
            format!("Duplicate value: {value}"),
        )
    }

    fn new(field: impl Into<String>, reason: &'static str, message: String) -> Self {
        Self {
            field: field.into(),
            reason,
            message,
        }
    }

    fn to_json(&self) -> Value {
        json!({ "reason": self.reason, "message": self.message, "field": self.field })
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}
