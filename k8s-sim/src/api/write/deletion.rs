//! Deletion of one object or of many.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::{Call, json_response};
use crate::controller;
use crate::kind::Kind;
use crate::shared::Shared;
use crate::state::State;
use crate::status::{Result, Status};
use crate::store::Object;

pub fn delete(cluster: &Arc<Shared>, call: &Call) -> Result<Response> {
    let target = &call.target;
    let options = delete_options(call)?;
    let mut state = cluster.state();
    let key = target.key();
    state.wake_named(target.kind, &key);
    let object = state.store.get(target.kind, &key);
    let object = object.cloned().ok_or_else(|| target.not_found())?;
    check_preconditions(&object, &options)?;
    let now = cluster.clock.now();
    let left = if call.query.is_dry_run()? {
        Some(object.clone())
    } else {
        delete_one(&mut state, &object, &options, now)
    };
    drop(state);
    cluster.nudge();
    let body = match left {
        Some(object) => object.json.to_vec(),
        None => deleted(&object).to_string().into_bytes(),
    };
    Ok(json_response(StatusCode::OK, body))
}

pub fn delete_collection(cluster: &Arc<Shared>, call: &Call) -> Result<Response> {
    let target = &call.target;
    let namespace = target.namespace.as_deref();
    let selection = call.query.selection(target.kind, None)?;
    let options = delete_options(call)?;
    let dry_run = call.query.is_dry_run()?;
    let mut state = cluster.state();
    state.wake_selected(target.kind, namespace, selection.labels());
    let all: Vec<_> = state.store.list(target.kind, namespace).cloned().collect();
    let now = cluster.clock.now();
    let selected = all.iter().filter(|object| selection.matches(object));
    for object in selected.filter(|_| !dry_run) {
        state.wake_named(target.kind, &object.key);
        delete_one(&mut state, object, &options, now);
    }
    drop(state);
    cluster.nudge();
    let done = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" });
    Ok(json_response(StatusCode::OK, done.to_string()))
}

fn delete_options(call: &Call) -> Result<Value> {
    let mut options = if call.body.is_empty() {
        json!({})
    } else {
        call.json()?
    };
    if let Some(seconds) = call.query.number::<i64>("gracePeriodSeconds")? {
        options["gracePeriodSeconds"] = seconds.into();
    }
    Ok(options)
}

fn check_preconditions(object: &Object, options: &Value) -> Result<()> {
    let metadata = &object.value()["metadata"];
    for (field, label, happened) in [
        ("uid", "UID", "deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", "modified"),
    ] {
        let Some(wanted) = options["preconditions"][field].as_str() else {
            continue;
        };
        let found = metadata[field].as_str().unwrap_or_default();
        if wanted != found {
            let because = format!(
                "the {label} in the precondition ({wanted}) does not match the {label} in record ({found}). The object might have been {happened}"
            );
            let mut status = Status::conflict(object.kind, &object.key.name, &because);
            let kind = object.kind;
            status.message =
                status
                    .message
                    .replacen(&kind.qualified_plural(), &kind.qualified_name(), 1);
            return Err(status);
        }
    }
    Ok(())
}

/// Deletes an object immediately, or marks it as terminating: then the object is returned.
fn delete_one(
    state: &mut State,
    object: &Object,
    options: &Value,
    now: Timestamp,
) -> Option<Arc<Object>> {
    let key = &object.key;
    let grace = options["gracePeriodSeconds"].as_i64();
    match object.kind {
        Kind::Pod if grace != Some(0) => {
            let own = object.value()["spec"]["terminationGracePeriodSeconds"].as_i64();
            controller::end_pod(state, key, grace.or(own).unwrap_or(30), now);
        }
        Kind::Pod => controller::remove_pod(state, key),
        Kind::Namespace => controller::end_namespace(state, key, now),
        kind => {
            state.store.remove(kind, key);
        }
    }
    state.store.get(object.kind, key).cloned()
}

fn deleted(object: &Object) -> Value {
    let mut details = json!({
        "name": *object.key.name, "kind": object.kind.plural(),
        "uid": object.value()["metadata"]["uid"],
    });
    if !object.kind.group().is_empty() {
        details["group"] = object.kind.group().into();
    }
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
    })
}
