//! The progress of a rollout by the rules of `kubectl rollout status`, in their order, with two additional states: a paused deployment,
//! and one that is being deleted. Pure.

use bus_schema::verb::RolloutState;

use crate::kubernetes::{Deployment, DeploymentStatus};

/// The state of a rollout, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The state.
    pub state: RolloutState,
    /// What it is waiting for, or why it failed.
    pub message: String,
}

/// Desired replicas; one if the field is absent.
pub fn wanted(deployment: &Deployment) -> i32 {
    deployment.spec.replicas.unwrap_or(1)
}

/// The controller's message if the rollout took longer than the deployment allows.
pub fn deadline_exceeded(status: &DeploymentStatus) -> Option<&str> {
    let condition = status.condition("Progressing")?;
    (condition.reason == "ProgressDeadlineExceeded").then_some(condition.message.as_str())
}

/// The API server's message if it does not let the ReplicaSet create its pods, because of a quota or an admission rule.
pub fn refused_pods(status: &DeploymentStatus) -> Option<&str> {
    let condition = status.condition("ReplicaFailure")?;
    (condition.status == "True").then_some(condition.message.as_str())
}

/// Whether the controller has observed the newest version of the deployment.
pub fn is_observed(deployment: &Deployment) -> bool {
    let seen = deployment
        .status
        .as_ref()
        .map_or(0, |s| s.observed_generation);
    deployment.metadata.generation.unwrap_or(0) <= seen
}

/// The rollout's progress. The order of the checks matters: until the controller has observed the newest version, its numbers belong to
/// an older one and mean nothing.
pub fn progress(deployment: &Deployment) -> Progress {
    if deployment.metadata.deletion_timestamp.is_some() {
        return at(RolloutState::Terminating, "the deployment is being deleted");
    }
    if !is_observed(deployment) {
        let paused = deployment.spec.paused;
        return waiting(paused, "the controller has not seen the newest version yet");
    }
    let none = DeploymentStatus::default();
    let status = deployment.status.as_ref().unwrap_or(&none);
    let refused = refused_pods(status);
    if let Some(words) = deadline_exceeded(status) {
        let words = refused.unwrap_or(words);
        let message = format!("the progress deadline was exceeded: {words}");
        return at(RolloutState::Failed, message);
    }
    match lacking(wanted(deployment), status) {
        Some(message) => waiting(
            deployment.spec.paused,
            refused.map_or(message, str::to_owned),
        ),
        None => at(RolloutState::Complete, "rolled out"),
    }
}

fn lacking(wanted: i32, status: &DeploymentStatus) -> Option<String> {
    let updated = status.updated_replicas;
    if updated < wanted {
        return Some(format!(
            "{updated} of {wanted} replicas are of the newest version"
        ));
    }
    if status.replicas > updated {
        let old = status.replicas - updated;
        return Some(format!("{old} replicas of older versions have yet to end"));
    }
    let available = status.available_replicas;
    (available < updated).then(|| format!("{available} of {updated} new replicas are available"))
}

fn waiting(paused: bool, message: impl Into<String>) -> Progress {
    if paused {
        return at(RolloutState::Paused, "the deployment is paused");
    }
    at(RolloutState::Progressing, message)
}

fn at(state: RolloutState, message: impl Into<String>) -> Progress {
    Progress {
        state,
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn state_of(changes: &Value) -> RolloutState {
        let mut deployment = json!({
            "metadata": { "name": "web", "generation": 3 },
            "spec": { "replicas": 3, "template": {} },
            "status": {
                "observedGeneration": 3, "replicas": 3, "updatedReplicas": 3,
                "readyReplicas": 3, "availableReplicas": 3,
            },
        });
        merge(&mut deployment, changes);
        progress(&serde_json::from_value(deployment).expect("a deployment")).state
    }

    fn merge(into: &mut Value, from: &Value) {
        match (into, from) {
            (Value::Object(into), Value::Object(from)) => {
                for (key, value) in from {
                    merge(into.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
            (into, from) => *into = from.clone(),
        }
    }

    fn exceeded() -> Value {
        json!([{ "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded" }])
    }

    #[test]
    fn each_rule_decides_in_its_turn() {
        use RolloutState::{Complete, Failed, Paused, Progressing, Terminating};
        let conditions = exceeded();
        for (why, changes, state) in [
            ("all is well", json!({}), Complete),
            (
                "the newest version is not seen",
                json!({ "metadata": { "generation": 4 } }),
                Progressing,
            ),
            (
                "an old failure says nothing about a version that is not seen",
                json!({ "metadata": { "generation": 4 }, "status": { "conditions": conditions } }),
                Progressing,
            ),
            (
                "the deadline is exceeded",
                json!({ "status": { "conditions": conditions } }),
                Failed,
            ),
            (
                "some are not updated",
                json!({ "status": { "updatedReplicas": 2 } }),
                Progressing,
            ),
            (
                "an old one is left",
                json!({ "status": { "replicas": 4 } }),
                Progressing,
            ),
            (
                "one is not available",
                json!({ "status": { "availableReplicas": 2 } }),
                Progressing,
            ),
            (
                "more are available than wanted, as after scaling down",
                json!({ "spec": { "replicas": 2 } }),
                Complete,
            ),
            (
                "paused half way",
                json!({ "spec": { "paused": true }, "status": { "updatedReplicas": 1 } }),
                Paused,
            ),
            (
                "paused, and nothing to do",
                json!({ "spec": { "paused": true } }),
                Complete,
            ),
            (
                "being deleted",
                json!({ "metadata": { "deletionTimestamp": "2026-03-01T10:00:00Z" } }),
                Terminating,
            ),
            ("no status yet", json!({ "status": null }), Progressing),
            (
                "scaled to nothing",
                json!({ "spec": { "replicas": 0 }, "status": {
                    "replicas": 0, "updatedReplicas": 0, "availableReplicas": 0 } }),
                Complete,
            ),
        ] {
            assert_eq!(state_of(&changes), state, "{why}");
        }
    }

    #[test]
    fn what_refuses_the_pods_is_the_reason_before_the_deadline_and_after_it() {
        let refused =
            json!({ "type": "ReplicaFailure", "status": "True", "message": "exceeded quota" });
        let mut deployment: Deployment = serde_json::from_value(json!({
            "metadata": { "name": "web", "generation": 1 },
            "spec": { "replicas": 3, "template": {} },
            "status": { "observedGeneration": 1, "conditions": [refused] },
        }))
        .expect("a deployment");
        assert_eq!(progress(&deployment).message, "exceeded quota");
        let late = exceeded()[0].clone();
        let status = deployment.status.as_mut().expect("a status");
        status
            .conditions
            .push(serde_json::from_value(late).expect("a condition"));
        let progress = progress(&deployment);
        assert_eq!(progress.state, RolloutState::Failed);
        assert!(
            progress.message.ends_with(": exceeded quota"),
            "{progress:?}"
        );
    }
}
