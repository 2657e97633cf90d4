//! One word for how a deployment is. Pure.

use bus_schema::Health;
use bus_schema::verb::RolloutState;

use crate::kubernetes::{Deployment, DeploymentStatus};
use crate::rollout::{progress, wanted};

/// How a deployment is, and why where that is not plain.
pub fn health(deployment: &Deployment) -> (Health, Option<String>) {
    if deployment.spec.paused {
        return paused(deployment);
    }
    let progress = progress(deployment);
    match progress.state {
        RolloutState::Complete => (Health::Healthy, None),
        RolloutState::Failed => (Health::Failed, Some(progress.message)),
        RolloutState::Paused => (Health::Paused, None),
        RolloutState::Unknown => (Health::Unknown, None),
        RolloutState::Terminating => (Health::Progressing, Some(progress.message)),
        RolloutState::Progressing => {
            let fallback = progress.message;
            under_way(deployment).unwrap_or((Health::Progressing, Some(fallback)))
        }
    }
}

/// Nothing is rolled out while it is paused, and what runs can fail all the same. That a rollout has failed before stays the
/// controller's last word about it.
fn paused(deployment: &Deployment) -> (Health, Option<String>) {
    let Some(status) = deployment.status.as_ref() else {
        return (Health::Paused, None);
    };
    let condition = status.condition("Progressing");
    if let Some(failed) = condition.filter(|it| it.reason == "ProgressDeadlineExceeded") {
        return (Health::Failed, Some(failed.message.clone()));
    }
    if let Some(words) = refused_pods(status) {
        return (Health::Degraded, Some(words));
    }
    missing(deployment, status).map_or((Health::Paused, None), |reason| {
        (Health::Degraded, Some(reason))
    })
}

/// Which replicas are not there.
fn missing(deployment: &Deployment, status: &DeploymentStatus) -> Option<String> {
    let (wanted, available) = (wanted(deployment), status.available_replicas);
    (available < wanted).then(|| format!("{available} of {wanted} replicas are available"))
}

/// Replicas that fail after their rollout was done are not a rollout that is under way: the controller leaves its last
/// word about the rollout in place.
fn under_way(deployment: &Deployment) -> Option<(Health, Option<String>)> {
    let status = deployment.status.as_ref()?;
    if let Some(words) = refused_pods(status) {
        return Some((Health::Degraded, Some(words)));
    }
    let wanted = wanted(deployment);
    let done = status.condition("Progressing")?.reason == "NewReplicaSetAvailable";
    let all_new = status.updated_replicas >= wanted && status.replicas <= status.updated_replicas;
    let reason = missing(deployment, status).filter(|_| done && all_new)?;
    Some((Health::Degraded, Some(reason)))
}

/// The API server does not let the ReplicaSet make its pods: a quota, or an admission rule.
fn refused_pods(status: &DeploymentStatus) -> Option<String> {
    let condition = status.condition("ReplicaFailure")?;
    (condition.status == "True").then(|| condition.message.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn deployment(available: i32, generation: i64, paused: bool, conditions: Value) -> Deployment {
        serde_json::from_value(json!({
            "metadata": { "name": "web", "generation": generation },
            "spec": { "replicas": 3, "paused": paused, "template": {} },
            "status": {
                "observedGeneration": 3, "replicas": 3, "updatedReplicas": 3,
                "readyReplicas": available, "availableReplicas": available, "conditions": conditions,
            },
        }))
        .expect("a deployment")
    }

    fn progressing(reason: &str) -> Value {
        json!([{ "type": "Progressing", "status": "True", "reason": reason, "message": "m" }])
    }

    #[test]
    fn each_health_is_told_from_the_others() {
        let (done, busy) = (
            progressing("NewReplicaSetAvailable"),
            progressing("ReplicaSetUpdated"),
        );
        let refused = json!([{ "type": "ReplicaFailure", "status": "True", "message": "quota" }]);
        for (given, expected) in [
            (deployment(3, 3, false, done.clone()), Health::Healthy),
            (deployment(2, 3, false, done.clone()), Health::Degraded),
            (deployment(2, 3, false, busy), Health::Progressing),
            (deployment(3, 4, false, done.clone()), Health::Progressing),
            (deployment(3, 3, true, done.clone()), Health::Paused),
            (deployment(0, 3, true, done), Health::Degraded),
            (
                deployment(3, 3, true, progressing("ProgressDeadlineExceeded")),
                Health::Failed,
            ),
            (deployment(3, 3, true, refused.clone()), Health::Degraded),
            (
                deployment(2, 3, false, progressing("ProgressDeadlineExceeded")),
                Health::Failed,
            ),
            (deployment(2, 3, false, refused), Health::Degraded),
        ] {
            assert_eq!(health(&given).0, expected, "{given:?}");
        }
    }

    #[test]
    fn the_reason_counts_what_is_missing() {
        let given = deployment(2, 3, false, progressing("NewReplicaSetAvailable"));
        assert_eq!(health(&given).1.unwrap(), "2 of 3 replicas are available");
    }
}
