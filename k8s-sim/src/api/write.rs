//! Create, update and patch: every write goes through the same checks and ends in a single store operation.

pub mod deletion;
mod identity;

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::target::Subresource;
use super::{Call, json_response};
use crate::admission::{self, Admit, for_kind};
use crate::kind::Kind;
use crate::patch::Patch;
use crate::shared::Shared;
use crate::state::State;
use crate::status::{Cause, Result, Status};
use crate::store::{Key, Object};
use identity::{
    OTHER_NAMESPACE, check_identity, check_type, check_uid, keep_what_is_not_the_clients,
};

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

/// Sets a new object's metadata from the path, and rejects contradictions.
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
    let mut object: T = admission::decode(body).map_err(|e| admission::undecodable(T::TYPE, &e))?;
    object.prepare(None);
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
    state.wake_named(target.kind, &key);
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
    object.prepare(Some(&typed_before));
    admission::validate(&object, Some(&typed_before))?;
    let spec = |object: &T| {
        let value = serde_json::to_value(object).expect("a typed object can be written as JSON");
        value["spec"].clone()
    };
    let is_noted = T::TYPE == Kind::Deployment
        && part.is_none()
        && object.metadata().annotations != typed_before.metadata().annotations;
    if T::TYPE.has_generation() && (is_noted || spec(&object) != spec(&typed_before)) {
        let generation = object.metadata().generation.unwrap_or(0);
        object.metadata_mut().generation = Some(generation + 1);
    }
    if dry_run {
        return Ok(Object::new(&object, old.revision).json.to_vec());
    }
    let stored = state.store.put(object);
    Ok(stored.map_or_else(|| old.json.to_vec(), |stored| stored.json.to_vec()))
}
