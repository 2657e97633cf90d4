//! Reads of one object, complete or metadata only.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde_json::json;

use super::{Call, json_response};
use crate::shared::Shared;
use crate::status::Result;
use crate::store::Object;

pub fn get(cluster: &Arc<Shared>, call: &Call) -> Result<Response> {
    let target = &call.target;
    let mut state = cluster.state();
    state.wake_named(target.kind, &target.key());
    let object = state.store.get(target.kind, &target.key());
    let object = object.cloned().ok_or_else(|| target.not_found())?;
    drop(state);
    Ok(json_response(
        StatusCode::OK,
        Shape::of(&call.headers).body(&object),
    ))
}

/// The requested representation of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Full,
    Metadata,
}

impl Shape {
    pub fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT);
        let accept = accept.and_then(|value| value.to_str().ok()).unwrap_or("");
        if accept.contains("as=PartialObjectMetadata") {
            Self::Metadata
        } else {
            Self::Full
        }
    }

    pub fn body(self, object: &Object) -> Vec<u8> {
        match self {
            Self::Full => object.json.to_vec(),
            Self::Metadata => metadata_of(object),
        }
    }

    /// The object as an item of a list.
    pub fn write_item(self, object: &Object, into: &mut Vec<u8>) {
        match self {
            Self::Full => {
                into.push(b'{');
                into.extend_from_slice(object.list_item());
            }
            Self::Metadata => into.extend(metadata_of(object)),
        }
    }

    /// The kind and version of a list of such objects.
    pub fn list_type(self, kind: crate::kind::Kind) -> (String, &'static str) {
        match self {
            Self::Full => (format!("{}List", kind.name()), kind.api_version()),
            Self::Metadata => ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1"),
        }
    }
}

fn metadata_of(object: &Object) -> Vec<u8> {
    let metadata = &object.value()["metadata"];
    let partial = json!({
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
    });
    partial.to_string().into_bytes()
}
