//! Applies the configured faults before a request is processed.

use std::sync::Arc;

use axum::extract::{Query as Extract, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::query::Query;
use super::target::{Target, verb_of};
use crate::fault::{self, Effect};
use crate::shared::Shared;
use crate::status::Status;
use crate::verb::Verb;

pub async fn inject_faults(
    State(cluster): State<Arc<Shared>>,
    Extract(query): Extract<Query>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let target = Target::parse(path);
    let verb = match &target {
        Some(target) => verb_of(request.method(), target, &query),
        None => Verb::Get,
    };
    let kind = target.as_ref().map(|target| target.kind);
    for effect in cluster.faults.strike(verb, kind) {
        match effect {
            Effect::Latency(duration) => tokio::time::sleep(duration).await,
            Effect::Hang => cluster.shutdown.cancelled().await,
            Effect::Status { code, retry_after } => {
                let failure = match &target {
                    Some(target) => target.failure(verb, code, retry_after),
                    None => outside(path, code, retry_after),
                };
                return failure.into_response();
            }
        }
    }
    next.run(request).await
}

/// The message for a path without a resource, like `/version`.
fn outside(path: &str, code: u16, retry_after: Option<u32>) -> Status {
    if code == 403 {
        let message = format!(
            "forbidden: User \"system:serviceaccount:mca:agent\" cannot get path \"{path}\""
        );
        return Status::new(403, "Forbidden", message);
    }
    fault::status_of(code, retry_after)
}
