//! The scale subresource: the size of a deployment or ReplicaSet.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::{Call, Verb, json_response};
use crate::admission::for_kind;
use crate::patch::Patch;
use crate::shared::Shared;
use crate::status::{Result, Status};

pub fn serve(cluster: &Arc<Shared>, verb: Verb, call: &Call) -> Result<Response> {
    let target = &call.target;
    let mut state = cluster.state();
    state.wake_named(target.kind, &target.key());
    let object = state.store.get(target.kind, &target.key());
    let object = object.cloned().ok_or_else(|| target.not_found())?;
    let scale = match verb {
        Verb::Get => {
            return Ok(json_response(
                StatusCode::OK,
                scale_of(&object.value()).to_string(),
            ));
        }
        Verb::Update => call.json()?,
        Verb::Patch => {
            let patch = Patch::parse(call.media_type(), &call.body)?;
            patch.apply(target.kind, target.name(), scale_of(&object.value()))?
        }
        _ => return Err(Status::method_not_allowed()),
    };
    let mut new = object.value();
    new["spec"]["replicas"] = scale["spec"]["replicas"].as_i64().unwrap_or(0).into();
    new["metadata"]["resourceVersion"] = scale["metadata"]["resourceVersion"].clone();
    let dry_run = call.query.is_dry_run()?;
    let changed = for_kind!(target.kind, T => super::write::change_typed::<T>(&mut state, &object, new, None, dry_run))?;
    drop(state);
    cluster.nudge();
    let changed: Value =
        serde_json::from_slice(&changed).map_err(|error| Status::internal(error.to_string()))?;
    Ok(json_response(
        StatusCode::OK,
        scale_of(&changed).to_string(),
    ))
}

fn scale_of(value: &Value) -> Value {
    let meta = &value["metadata"];
    let labels = value["spec"]["selector"]["matchLabels"].as_object();
    let selector: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"], "creationTimestamp": meta["creationTimestamp"],
        },
        "spec": { "replicas": value["spec"]["replicas"] },
        "status": {
            "replicas": value["status"]["replicas"].as_i64().unwrap_or(0),
            "selector": selector.join(","),
        },
    })
}
