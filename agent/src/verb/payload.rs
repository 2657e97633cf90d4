//! JSON in, JSON out. Input is untrusted: its size is bounded, and a rejection names the field.

use bus_schema::{Fault, FaultCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Far larger than any request.
const MAX_BYTES: usize = 64 * 1024;

/// The search for the wrong field tries one field after another; no request has more than this.
const MAX_FIELDS: usize = 32;

/// Parses a request. An empty payload is a request without fields.
pub fn read<R: DeserializeOwned>(payload: &[u8]) -> Result<R, Fault> {
    if payload.len() > MAX_BYTES {
        let message = format!("the payload is larger than {MAX_BYTES} bytes");
        return Err(invalid(message));
    }
    let text = payload.trim_ascii();
    let text = if text.is_empty() { b"{}" } else { text };
    // serde would accept a list as a struct with its fields in order.
    if text.first() != Some(&b'{') {
        return Err(invalid("the payload is not a JSON object".to_owned()));
    }
    serde_json::from_slice(text).map_err(|error| refusal::<R>(text, &error))
}

/// Parses the request again to find the wrong field, which takes longer.
fn refusal<R: DeserializeOwned>(text: &[u8], error: &serde_json::Error) -> Fault {
    let mut json = serde_json::Deserializer::from_slice(text);
    let Err(error) = serde_path_to_error::deserialize::<_, R>(&mut json) else {
        return describe(None, error);
    };
    let path = error.path().to_string();
    let field = Some(path)
        .filter(|p| p != ".")
        .or_else(|| wrong_field::<R>(text));
    describe(field, error.inner())
}

/// Serializes a reply.
pub fn write<T: Serialize>(reply: &T) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(reply).map_err(|error| {
        let message = format!("the reply cannot be written: {error}");
        Fault::new(FaultCode::Internal, message)
    })
}

fn describe(field: Option<String>, error: &serde_json::Error) -> Fault {
    match field {
        Some(field) => Fault::in_field(&field, error),
        None => invalid(error.to_string()),
    }
}

/// The field whose removal makes the rest valid, or makes it only lack that field. Fields of a flattened struct are parsed last and
/// without their names, so serde does not report it.
fn wrong_field<R: DeserializeOwned>(text: &[u8]) -> Option<String> {
    let fields: Map<String, Value> = serde_json::from_slice(text).ok()?;
    if fields.len() > MAX_FIELDS {
        return None;
    }
    let refusal_without = |name: &String| {
        let mut rest = fields.clone();
        rest.remove(name);
        let refused = R::deserialize(Value::Object(rest)).err();
        refused.map(|error| error.to_string())
    };
    let is_missed = |name: &&String| {
        let missing = format!("missing field `{name}`");
        refusal_without(name).is_some_and(|error| error.starts_with(&missing))
    };
    let accepted = fields.keys().find(|name| refusal_without(name).is_none());
    accepted.or_else(|| fields.keys().find(is_missed)).cloned()
}

fn invalid(message: String) -> Fault {
    Fault::new(FaultCode::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bus_schema::verb::{GetInfo, ListDeployments, Restart};

    fn refusal<R: DeserializeOwned + std::fmt::Debug>(payload: &str) -> String {
        let fault = read::<R>(payload.as_bytes()).expect_err(payload);
        assert_eq!(fault.code, FaultCode::InvalidRequest, "{payload}");
        fault.message
    }

    #[test]
    fn nothing_stands_for_a_request_without_fields() {
        for payload in ["", "  ", "{}", "\n"] {
            read::<GetInfo>(payload.as_bytes()).unwrap();
        }
        assert!(refusal::<Restart>("").contains("namespace"));
    }

    #[test]
    fn fields_that_are_not_known_are_ignored() {
        read::<ListDeployments>(br#"{"q":"a","newer":{"x":[1]}}"#).unwrap();
    }

    #[test]
    fn a_refusal_names_the_field() {
        let restart = |fields: &str| {
            let payload = format!(r#"{{"namespace":"a","deployment_name":"b",{fields}}}"#);
            refusal::<Restart>(&payload)
        };
        for (message, field) in [
            (refusal::<ListDeployments>(r#"{"limit":"many"}"#), "limit"),
            (
                refusal::<ListDeployments>(r#"{"namespace":"A B"}"#),
                "namespace",
            ),
            (
                refusal::<Restart>(r#"{"namespace":"a"}"#),
                "deployment_name",
            ),
            (
                refusal::<Restart>(r#"{"namespace":1,"deployment_name":"b"}"#),
                "namespace",
            ),
            (restart(r#""deadline":5"#), "deadline"),
            (restart(r#""fence":"soon""#), "fence"),
            (restart(r#""operation_id":"A B""#), "operation_id"),
        ] {
            assert!(message.contains(field), "{message} does not name {field}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for payload in ["[]", "null", "7", "\"x\"", "{", "{}{}", "{\"q\":}", "\u{0}"] {
            refusal::<ListDeployments>(payload);
        }
        refusal::<ListDeployments>(&"{\"q\":".repeat(200));
        refusal::<ListDeployments>(&"x".repeat(MAX_BYTES + 1));
    }
}
