//! The identity of an object, which clients cannot change and must not contradict.

use serde_json::Value;

use crate::api::target::{Subresource, Target};
use crate::kind::Kind;
use crate::status::{Cause, Result, Status};

pub const OTHER_NAMESPACE: &str =
    "the namespace of the provided object does not match the namespace sent on the request";

/// The uid in an update is a precondition; in a patch it is a change.
pub fn check_uid(target: &Target, old: &Value, new: &Value) -> Result<()> {
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

pub fn check_identity(kind: Kind, name: &str, old: &Value, new: &Value) -> Result<()> {
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

pub fn keep_what_is_not_the_clients(old: &Value, new: &mut Value, part: Option<Subresource>) {
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

pub fn check_type(kind: Kind, body: &Value) -> Result<()> {
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
