//! Create, update, patch and delete: every write goes through the same checks and ends in one store operation.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::target::{Subresource, Target};
use super::{Call, json_response};
use crate::admission::{self, Admit, for_kind};
use crate::cluster::Shared;
use crate::controller;
use crate::kind::Kind;
use crate::patch::Patch;
use crate::state::State;
use crate::status::{Cause, Result, Status};
use crate::store::{Key, Object};

const OTHER_NAMESPACE: &str =
    "the namespace of the provided object does not match the namespace sent on the request";

pub fn create(cluster: &Arc<Shared>, call: &Call) -> Result<Response> {
    let target = &call.target;
    let dry_run = call.query.is_dry_run()?;
    let mut body = call.json()?;
    check_type(target.kind, &body)?;
    let namespace = target.namespace.as_deref();
    let mut state = cluster.state();
    let now = cluster.clock.now();
    prepare_new(&mut state, target.kind, namespace, &mut body)?;
    let json = for_kind!(target.kind, T => create_typed::<T>(&mut state, body, dry_run, now))?;
    drop(state);
    cluster.nudge();
    Ok(json_response(StatusCode::CREATED, json))
}

/// Puts what the path says into a new object's metadata, and refuses what contradicts it.
fn prepare_new(
    state: &mut State,
    kind: Kind,
    namespace: Option<&str>,
    body: &mut Value,
) -> Result<()> {
    if !body["metadata"].is_object() {
        body["metadata"] = json!({});
    }
    if let Some(namespace) = namespace {
        check_namespace(state, kind, namespace, &body["metadata"])?;
        body["metadata"]["namespace"] = namespace.into();
    }
    if body["metadata"]["resourceVersion"]
        .as_str()
        .is_some_and(|v| !v.is_empty())
    {
        let message = "resourceVersion should not be set on objects to be created";
        return Err(Status::bad_request(message));
    }
    let prefix = body["metadata"]["generateName"].as_str().map(str::to_owned);
    if body["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .is_empty()
    {
        let Some(prefix) = prefix else {
            let cause = Cause::required("metadata.name", "name or generateName is required");
            return Err(Status::invalid(kind, "", vec![cause]));
        };
        body["metadata"]["name"] = format!("{prefix}{}", state.ids.suffix()).into();
    }
    if kind != Kind::Event {
        body["status"] = Value::Null;
    }
    Ok(())
}

fn check_namespace(state: &State, kind: Kind, namespace: &str, metadata: &Value) -> Result<()> {
    let name = metadata["name"].as_str().unwrap_or_default();
    let own = metadata["namespace"].as_str().unwrap_or_default();
    if !own.is_empty() && own != namespace {
        return Err(Status::bad_request(OTHER_NAMESPACE));
    }
    let key = Key::new("", namespace);
    let Some(found) = state.store.get(Kind::Namespace, &key) else {
        return Err(Status::not_found(Kind::Namespace, namespace));
    };
    if found.value()["metadata"]["deletionTimestamp"].is_string() {
        let because = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        return Err(Status::forbidden(kind, name, &because));
    }
    Ok(())
}

fn create_typed<T: Admit>(
    state: &mut State,
    body: Value,
    dry_run: bool,
    now: Timestamp,
) -> Result<Vec<u8>> {
    let object: T = admission::decode(body).map_err(|e| admission::undecodable(T::TYPE, &e))?;
    admission::validate(&object, None)?;
    let key = Key::of(&object);
    if state.store.get(T::TYPE, &key).is_some() {
        return Err(Status::already_exists(T::TYPE, &key.name));
    }
    if dry_run {
        return Ok(Object::new(&object, 0).json.to_vec());
    }
    Ok(state.create(object, now).json.to_vec())
}

pub fn update(cluster: &Arc<Shared>, call: &Call) -> Result<Response> {
    let body = call.json()?;
    check_type(call.target.kind, &body)?;
    let name = body["metadata"]["name"].as_str().unwrap_or_default();
    if name != call.target.name() {
        return Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            call.target.name()
        )));
    }
    change(cluster, call, |old| {
        check_uid(&call.target, &old, &body)?;
        Ok(body)
    })
}

/// The uid in a whole object is a precondition, in a patch it is a change.
fn check_uid(target: &Target, old: &Value, new: &Value) -> Result<()> {
    let uid = |object: &Value| object["metadata"]["uid"].as_str().map(str::to_owned);
    match (uid(new), uid(old)) {
        (Some(wanted), Some(found)) if !wanted.is_empty() && wanted != found => {
            let because = format!(
                "Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"
            );
            Err(Status::conflict(target.kind, target.name(), &because))
        }
        _ => Ok(()),
    }
}

pub fn patch(cluster: &Arc<Shared>, call: &Call) -> Result<Response> {
    let patch = Patch::parse(call.media_type(), &call.body)?;
    let target = &call.target;
    change(cluster, call, |old| {
        patch.apply(target.kind, target.name(), old)
    })
}

/// Changes the target by `to_new` and answers with the result.
fn change(
    cluster: &Arc<Shared>,
    call: &Call,
    to_new: impl FnOnce(Value) -> Result<Value>,
) -> Result<Response> {
    let target = &call.target;
    let dry_run = call.query.is_dry_run()?;
    let mut state = cluster.state();
    let key = target.key();
    state.wake_for(target.kind, target.namespace.as_deref());
    if target.kind == Kind::Deployment {
        // What sleeps is derived from the deployment as it is now.
        state.wake(&key);
    }
    let old = state.store.get(target.kind, &key);
    let old = old.cloned().ok_or_else(|| target.not_found())?;
    let new = to_new(old.value())?;
    let part = target.subresource;
    let json =
        for_kind!(target.kind, T => change_typed::<T>(&mut state, &old, new, part, dry_run))?;
    drop(state);
    cluster.nudge();
    Ok(json_response(StatusCode::OK, json))
}

pub fn change_typed<T: Admit>(
    state: &mut State,
    old: &Object,
    mut new: Value,
    part: Option<Subresource>,
    dry_run: bool,
) -> Result<Vec<u8>> {
    let name = &*old.key.name;
    let before = old.value();
    check_identity(T::TYPE, name, &before, &new)?;
    keep_what_is_not_the_clients(&before, &mut new, part);
    let mut object: T = admission::decode(new).map_err(|error| Status::bad_patch(&error))?;
    let typed_before: T = old.decode();
    admission::validate(&object, Some(&typed_before))?;
    let spec = |object: &T| {
        let value = serde_json::to_value(object).expect("a typed object can be written as JSON");
        value["spec"].clone()
    };
    if T::TYPE.has_generation() && spec(&object) != spec(&typed_before) {
        let generation = object.metadata().generation.unwrap_or(0);
        object.metadata_mut().generation = Some(generation + 1);
    }
    if dry_run {
        return Ok(Object::new(&object, old.revision).json.to_vec());
    }
    let stored = state.store.put(object);
    Ok(stored.map_or_else(|| old.json.to_vec(), |stored| stored.json.to_vec()))
}

fn check_identity(kind: Kind, name: &str, old: &Value, new: &Value) -> Result<()> {
    let version = &new["metadata"]["resourceVersion"];
    let is_other = |field: &str| {
        let wanted = new["metadata"][field].as_str().unwrap_or_default();
        !wanted.is_empty() && wanted != old["metadata"][field].as_str().unwrap_or_default()
    };
    if version.is_string() && is_other("resourceVersion") {
        return Err(Status::modified(kind, name));
    }
    if is_other("uid") {
        let uid = &new["metadata"]["uid"];
        let cause = Cause::invalid("metadata.uid", uid, "field is immutable");
        return Err(Status::invalid(kind, name, vec![cause]));
    }
    if is_other("name") {
        let message = format!(
            "the name of the object ({}) does not match the name on the URL ({name})",
            new["metadata"]["name"].as_str().unwrap_or_default()
        );
        return Err(Status::bad_request(message));
    }
    if is_other("namespace") {
        let message =
            "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Status::bad_request(message));
    }
    Ok(())
}

fn keep_what_is_not_the_clients(old: &Value, new: &mut Value, part: Option<Subresource>) {
    if part == Some(Subresource::Status) {
        let status = new["status"].take();
        *new = old.clone();
        new["status"] = status;
        return;
    }
    for field in [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "name",
        "namespace",
        "generateName",
    ] {
        new["metadata"][field] = old["metadata"][field].clone();
    }
    for field in ["apiVersion", "kind"] {
        new[field] = old[field].clone();
    }
    if old.get("status").is_some() {
        new["status"] = old["status"].clone();
    }
}

fn check_type(kind: Kind, body: &Value) -> Result<()> {
    let text = |field: &str| body[field].as_str().unwrap_or_default();
    let (version, name) = (text("apiVersion"), text("kind"));
    if !body.is_object()
        || (name != kind.name() && !name.is_empty())
        || (version != kind.api_version() && !version.is_empty())
    {
        let message = format!(
            "the object provided is unrecognized (must be of type {}): no kind \"{name}\" is registered for version \"{version}\"",
            kind.name()
        );
        return Err(Status::bad_request(message));
    }
    Ok(())
}

pub fn delete(cluster: &Arc<Shared>, call: &Call) -> Result<Response> {
    let target = &call.target;
    let options = delete_options(call)?;
    let mut state = cluster.state();
    let key = target.key();
    state.wake_for(target.kind, target.namespace.as_deref());
    if target.kind == Kind::Deployment {
        state.wake(&key);
    }
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
    let mut state = cluster.state();
    state.wake_for(target.kind, namespace);
    let all: Vec<_> = state.store.list(target.kind, namespace).cloned().collect();
    let now = cluster.clock.now();
    for object in all.iter().filter(|object| selection.matches(object)) {
        if target.kind == Kind::Deployment {
            state.wake(&object.key);
        }
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

/// Deletes at once, or begins to: then the object that is left for now is returned.
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
