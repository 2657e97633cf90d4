//! The version and the API discovery documents that kubectl needs.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::not_found;
use crate::kind::Kind;

pub async fn version() -> Json<Value> {
    Json(json!({
        "major": "1", "minor": "36", "gitVersion": "v1.36.3+sim", "gitCommit": "simulated",
        "gitTreeState": "clean", "buildDate": "2026-01-01T00:00:00Z", "goVersion": "none",
        "compiler": "rustc", "platform": "linux/amd64",
    }))
}

pub async fn core_versions() -> Json<Value> {
    Json(json!({
        "kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [],
    }))
}

pub async fn groups() -> Json<Value> {
    let mut groups: Vec<Value> = Vec::new();
    for group in Kind::ALL.into_iter().filter_map(group_of) {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    Json(json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }))
}

pub async fn group(Path(name): Path<String>) -> Response {
    let kind = Kind::ALL.into_iter().find(|kind| kind.group() == name);
    let Some(mut group) = kind.and_then(group_of) else {
        return not_found();
    };
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    Json(group).into_response()
}

/// The group of a kind; `None` for the core group, which has no name.
fn group_of(kind: Kind) -> Option<Value> {
    let name = Some(kind.group()).filter(|name| !name.is_empty())?;
    let version = json!({ "groupVersion": kind.api_version(), "version": kind.version() });
    Some(json!({ "name": name, "versions": [version], "preferredVersion": version }))
}

pub async fn core_resources() -> Response {
    resources("v1")
}

pub async fn group_resources(Path((group, version)): Path<(String, String)>) -> Response {
    resources(&format!("{group}/{version}"))
}

fn resources(group_version: &str) -> Response {
    let kinds = Kind::ALL
        .into_iter()
        .filter(|kind| kind.api_version() == group_version);
    let resources: Vec<Value> = kinds.flat_map(entries).collect();
    if resources.is_empty() {
        return not_found();
    }
    let list = json!({
        "kind": "APIResourceList", "apiVersion": "v1",
        "groupVersion": group_version, "resources": resources,
    });
    Json(list).into_response()
}

fn entries(kind: Kind) -> Vec<Value> {
    let mut entries = vec![json!({
        "name": kind.plural(), "singularName": kind.name().to_lowercase(), "kind": kind.name(),
        "namespaced": kind.is_namespaced(), "shortNames": kind.short_names(),
        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    })];
    let mut subresource = |name: &str, kind_name: &str, verbs: &[&str]| {
        entries.push(json!({
            "name": format!("{}/{name}", kind.plural()), "singularName": "", "kind": kind_name,
            "namespaced": kind.is_namespaced(), "verbs": verbs,
        }));
    };
    if kind.has_status() {
        subresource("status", kind.name(), &["get", "patch", "update"]);
    }
    if kind == Kind::Pod {
        subresource("log", kind.name(), &["get"]);
    }
    if kind.is_scalable() {
        subresource("scale", "Scale", &["get", "patch", "update"]);
    }
    entries
}
