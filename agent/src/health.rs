//! The health of a workload, from its own status and from its pods. Pure.

use bus_schema::verb::RolloutState;
use bus_schema::{Health, WorkloadKind};

use crate::kubernetes::{WorkloadObject, WorkloadStatus};
use crate::pod_trouble::Trouble;
use crate::rollout::{progress, refused_pods, waits_for_deletion, wanted};

/// The health of a workload, and the reason unless it is obvious.
pub fn health(workload: &WorkloadObject) -> (Health, Option<String>) {
    if workload.spec.paused {
        return paused(workload);
    }
    let progress = progress(workload);
    match progress.state {
        RolloutState::Complete => (Health::Healthy, None),
        RolloutState::Progressing if waits_for_deletion(workload) => {
            (Health::Healthy, Some(progress.message))
        }
        RolloutState::Failed => (Health::Failed, Some(progress.message)),
        RolloutState::Paused => (Health::Paused, None),
        RolloutState::Unknown => (Health::Unknown, None),
        RolloutState::Terminating => (Health::Progressing, Some(progress.message)),
        RolloutState::Progressing => {
            let fallback = progress.message;
            under_way(workload).unwrap_or((Health::Progressing, Some(fallback)))
        }
    }
}

/// Nothing is rolled out while it is paused, but its current pods can still fail. A rollout that failed before the pause stays in the
/// controller's last condition.
fn paused(workload: &WorkloadObject) -> (Health, Option<String>) {
    let Some(status) = workload.status.as_ref() else {
        return (Health::Paused, None);
    };
    let condition = status.condition("Progressing");
    if let Some(failed) = condition.filter(|it| it.reason == "ProgressDeadlineExceeded") {
        let words = refused_pods(status).unwrap_or(&failed.message);
        return (Health::Failed, Some(words.to_owned()));
    }
    if let Some(words) = refused_pods(status) {
        return (Health::Degraded, Some(words.to_owned()));
    }
    missing(workload, status).map_or((Health::Paused, None), |reason| {
        (Health::Degraded, Some(reason))
    })
}

/// Describes the missing replicas.
fn missing(workload: &WorkloadObject, status: &WorkloadStatus) -> Option<String> {
    let (wanted, available) = (wanted(workload), status.available_replicas);
    (available < wanted).then(|| format!("{available} of {wanted} replicas are available"))
}

/// Replicas that fail after their rollout completed are not a rollout in progress: the controller leaves the last condition of the
/// rollout unchanged.
fn under_way(workload: &WorkloadObject) -> Option<(Health, Option<String>)> {
    let status = workload.status.as_ref()?;
    match workload.kind {
        WorkloadKind::Deployment => {}
        WorkloadKind::StatefulSet => {
            let is_settled = status.current_revision == status.update_revision;
            let all_there = status.replicas >= wanted(workload);
            let reason = format!(
                "{} of {} replicas are ready",
                status.ready_replicas,
                wanted(workload)
            );
            return (is_settled && all_there).then_some((Health::Degraded, Some(reason)));
        }
        // Its status does not tell a rollout's last pod from one that has failed: its pods do.
        WorkloadKind::DaemonSet => return None,
    }
    if let Some(words) = refused_pods(status) {
        return Some((Health::Degraded, Some(words.to_owned())));
    }
    let wanted = wanted(workload);
    let done = status.condition("Progressing")?.reason == "NewReplicaSetAvailable";
    let all_new = status.updated_replicas >= wanted && status.replicas <= status.updated_replicas;
    let reason = missing(workload, status).filter(|_| done && all_new)?;
    Some((Health::Degraded, Some(reason)))
}

/// The same, refined by the trouble of its pods, which explains why a workload is not healthy and shows that a rollout is stuck
/// rather than slow.
pub fn with_pods(
    health: Health,
    reason: Option<&str>,
    trouble: Option<&Trouble>,
) -> (Health, Option<String>) {
    let relevant = trouble.filter(|it| it.is_fact || health != Health::Progressing);
    let Some(trouble) = relevant else {
        return (health, reason.map(str::to_owned));
    };
    let health = match health {
        Health::Progressing => Health::Degraded,
        health => health,
    };
    let reasons: Vec<&str> = [Some(&*trouble.reason), reason]
        .into_iter()
        .flatten()
        .collect();
    (health, Some(reasons.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn deployment(
        available: i32,
        generation: i64,
        paused: bool,
        conditions: Value,
    ) -> WorkloadObject {
        let received = serde_json::from_value(json!({
            "metadata": { "name": "web", "generation": generation },
            "spec": { "replicas": 3, "paused": paused, "template": {} },
            "status": {
                "observedGeneration": 3, "replicas": 3, "updatedReplicas": 3,
                "readyReplicas": available, "availableReplicas": available, "conditions": conditions,
            },
        }))
        .expect("a deployment");
        WorkloadObject::new(WorkloadKind::Deployment, received)
    }

    fn progressing(reason: &str) -> Value {
        json!([{ "type": "Progressing", "status": "True", "reason": reason, "message": "m" }])
    }

    #[test]
    fn each_health_is_recognised() {
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

    #[test]
    fn trouble_of_its_pods_makes_a_rollout_degraded_and_gives_the_reason_of_other_healths() {
        let trouble = |is_fact| Trouble {
            reason: "CrashLoopBackOff".to_owned(),
            is_fact,
        };
        use Health::{Degraded, Failed, Progressing};
        for (health, is_fact, expected, reason) in [
            (Progressing, true, Degraded, "CrashLoopBackOff; base"),
            (Progressing, false, Progressing, "base"),
            (Degraded, false, Degraded, "CrashLoopBackOff; base"),
            (Failed, true, Failed, "CrashLoopBackOff; base"),
        ] {
            let found = with_pods(health, Some("base"), Some(&trouble(is_fact)));
            assert_eq!(found, (expected, Some(reason.to_owned())));
        }
        let none = with_pods(Progressing, Some("base"), None);
        assert_eq!(none, (Progressing, Some("base".to_owned())));
    }
}
