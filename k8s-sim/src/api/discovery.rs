//! The version and the API discovery documents that kubectl needs.

use axum::Json;
use serde_json::{Value, json};

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
    Json(json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [apps()] }))
}

pub async fn apps_group() -> Json<Value> {
    let mut group = apps();
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    Json(group)
}

fn apps() -> Value {
    let version = json!({ "groupVersion": "apps/v1", "version": "v1" });
    json!({ "name": "apps", "versions": [version], "preferredVersion": version })
}

pub async fn core_resources() -> Json<Value> {
    Json(resources("", "v1"))
}

pub async fn apps_resources() -> Json<Value> {
    Json(resources("apps", "apps/v1"))
}

fn resources(group: &str, group_version: &str) -> Value {
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.group() == group);
    let resources: Vec<Value> = kinds.flat_map(entries).collect();
    json!({
        "kind": "APIResourceList", "apiVersion": "v1",
        "groupVersion": group_version, "resources": resources,
    })
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
