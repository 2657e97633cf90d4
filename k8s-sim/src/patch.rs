//! The three kinds of patch that the clients of this project send.

mod strategic;

use serde_json::Value;

use crate::kind::Kind;
use crate::status::{Cause, Result, Status};

const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

pub enum Patch {
    Json(json_patch::Patch),
    Merge(Value),
    Strategic(Value),
}

impl Patch {
    pub fn parse(media_type: &str, body: &[u8]) -> Result<Self> {
        let malformed = |error: serde_json::Error| {
            Status::bad_request(format!("error decoding patch: {error}"))
        };
        match media_type {
            JSON => serde_json::from_slice(body)
                .map(Patch::Json)
                .map_err(malformed),
            MERGE => object(body).map(Patch::Merge),
            STRATEGIC => object(body).map(Patch::Strategic),
            _ => Err(Status::unsupported_media_type(&[JSON, MERGE, STRATEGIC])),
        }
    }

    pub fn apply(self, kind: Kind, name: &str, mut to: Value) -> Result<Value> {
        match self {
            Patch::Json(patch) => {
                json_patch::patch(&mut to, &patch).map_err(|error| {
                    Status::new(422, "Invalid", format!("the server rejected our request due to an error in our request: {error}"))
                })?;
            }
            Patch::Merge(patch) => json_patch::merge(&mut to, &patch),
            Patch::Strategic(patch) => strategic::merge(&mut to, patch).map_err(|detail| {
                let cause = Cause::invalid("patch", &Value::Null, &detail);
                Status::invalid(kind, name, vec![cause])
            })?,
        }
        Ok(to)
    }
}

fn object(body: &[u8]) -> Result<Value> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))?;
    if value.is_object() {
        Ok(value)
    } else {
        let message = "error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}";
        Err(Status::bad_request(message))
    }
}
