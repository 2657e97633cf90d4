//! The problems returned for requests that are refused or cannot be sent.

use bus_schema::{ClusterName, Right};

use diagnostics::{Problem, ProblemCode};

pub fn unwritable(error: serde_json::Error) -> Problem {
    tracing::error!(%error, "a request cannot be written as JSON");
    Problem::new(ProblemCode::Internal, "the request cannot be written")
}

/// The problem for a principal who lacks a right.
#[must_use]
pub fn lacks_right(cluster: &ClusterName, right: Right) -> Problem {
    let detail = format!(
        "your grants on {cluster} lack the right \"{}\"; GET /me lists them",
        right_name(right)
    );
    Problem::new(ProblemCode::Forbidden, detail)
}

pub fn right_name(right: Right) -> String {
    let json = serde_json::to_value(right).ok();
    json.as_ref()
        .and_then(|value| value.as_str())
        .unwrap_or_default()
        .to_owned()
}

pub fn unknown(cluster: &ClusterName) -> Problem {
    Problem::new(
        ProblemCode::ClusterUnknown,
        format!("there is no cluster \"{cluster}\" that you may see; GET /clusters lists them"),
    )
}

pub fn offline(cluster: &ClusterName) -> Problem {
    Problem::new(
        ProblemCode::ClusterOffline,
        format!("no agent of {cluster} is available; see its last heartbeat in GET /clusters"),
    )
}

pub fn bus_unavailable() -> Problem {
    Problem::new(
        ProblemCode::BusUnavailable,
        "the aggregator is cut off from the bus; nothing was sent",
    )
}
