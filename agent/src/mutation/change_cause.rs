//! Why a revision was made, in the annotation that `kubectl rollout history` shows. Pure.

use bus_schema::{OperationId, WriteGuard};
use serde_json::{Value, json};

/// Kubernetes copies it to the revision's ReplicaSet.
pub const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// Makes a patch say why it begins a revision, such as `restart: TLS rotation (operation 019…)`: the audit has the user under that id.
/// A mutation without reason and id says nothing.
pub fn add(verb: &str, guard: &WriteGuard, patch: &mut Value) {
    let reason = guard.reason.as_ref().map(|reason| format!(": {reason}"));
    let id = guard.operation_id.as_ref();
    let id = id.map(|id| format!(" (operation {id})"));
    if reason.is_some() || id.is_some() {
        let cause = [Some(verb.to_owned()), reason, id];
        let cause: String = cause.into_iter().flatten().collect();
        patch["metadata"]["annotations"][CHANGE_CAUSE] = json!(cause);
    }
}

/// The operation that a change cause names at its end.
pub fn operation_of(cause: &str) -> Option<OperationId> {
    let (_, id) = cause.strip_suffix(')')?.rsplit_once(" (operation ")?;
    id.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operation_is_found_in_what_was_written_and_in_nothing_else() {
        let guard = WriteGuard {
            operation_id: Some("019cb00b0e8-0123456789abcdef".parse().unwrap()),
            reason: Some("again (operation x)".parse().unwrap()),
            ..WriteGuard::default()
        };
        let mut patch = json!({});
        add("undo", &guard, &mut patch);
        let cause = patch["metadata"]["annotations"][CHANGE_CAUSE].as_str();
        assert_eq!(operation_of(cause.unwrap()), guard.operation_id);
        for cause in [
            "",
            ")",
            "(operation x)",
            "a (operation X)",
            "a (operation x) b",
        ] {
            assert_eq!(operation_of(cause), None, "{cause}");
        }
    }
}
