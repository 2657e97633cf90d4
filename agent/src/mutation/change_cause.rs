//! Why a revision was made, in the annotation that `kubectl rollout history` shows. Pure.

use bus_schema::WriteGuard;
use serde_json::{Value, json};

/// Kubernetes copies it to the revision's ReplicaSet.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

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
