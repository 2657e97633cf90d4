use super::*;
use serde_json::{Value, json};

fn object(kind: WorkloadKind, fields: Value) -> WorkloadObject {
    WorkloadObject::new(kind, serde_json::from_value(fields).expect("a workload"))
}

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
    progress(&object(WorkloadKind::Deployment, deployment)).state
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
    let fields = json!({
        "metadata": { "name": "web", "generation": 1 },
        "spec": { "replicas": 3, "template": {} },
        "status": { "observedGeneration": 1, "conditions": [refused] },
    });
    let mut deployment = object(WorkloadKind::Deployment, fields);
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

#[test]
fn a_stateful_set_is_judged_by_its_revisions_partition_and_strategy() {
    use RolloutState::{Complete, Progressing};
    let set = |strategy: Value, ready: i32, updated: i32, current: &str| {
        progress(&object(
            WorkloadKind::StatefulSet,
            json!({
                "metadata": { "name": "db", "generation": 2 },
                "spec": { "replicas": 3, "updateStrategy": strategy, "template": {} },
                "status": {
                    "observedGeneration": 2, "replicas": 3, "readyReplicas": ready, "updatedReplicas": updated,
                    "currentRevision": current, "updateRevision": "db-2",
                },
            }),
        ))
    };
    let rolling = |partition: i32| json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": partition } });
    let on_delete = json!({ "type": "OnDelete" });
    for (strategy, ready, updated, current, state, words) in [
        (rolling(0), 3, 3, "db-2", Complete, "rolled out"),
        (rolling(0), 3, 3, "db-1", Complete, "rolled out"),
        (
            rolling(0),
            2,
            3,
            "db-1",
            Progressing,
            "2 of 3 replicas are ready",
        ),
        (rolling(0), 3, 2, "db-1", Progressing, "2 of 3 replicas"),
        (rolling(2), 3, 0, "db-1", Progressing, "0 of 1 replicas"),
        (rolling(2), 3, 1, "db-1", Complete, "below the partition 2"),
        (rolling(5), 3, 0, "db-1", Complete, "to 0 of 3 replicas"),
        (
            json!({ "type": "RollingUpdate" }),
            3,
            3,
            "db-1",
            Progressing,
            "3 of 3",
        ),
        (
            on_delete.clone(),
            3,
            1,
            "db-1",
            Progressing,
            "2 pods run an older version",
        ),
        (on_delete, 3, 3, "db-2", Complete, "rolled out"),
    ] {
        let found = set(strategy.clone(), ready, updated, current);
        assert_eq!(found.state, state, "{strategy} {found:?}");
        assert!(found.message.contains(words), "{strategy} {found:?}");
    }
}

#[test]
fn a_daemon_set_is_complete_when_each_node_has_an_available_new_pod() {
    use RolloutState::{Complete, Progressing};
    let set = |strategy: &str, updated: i32, available: i32| {
        object(
            WorkloadKind::DaemonSet,
            json!({
                "metadata": { "name": "log", "generation": 2 },
                "spec": { "updateStrategy": { "type": strategy }, "template": {} },
                "status": {
                    "observedGeneration": 2, "desiredNumberScheduled": 3, "currentNumberScheduled": 3,
                    "updatedNumberScheduled": updated, "numberReady": available, "numberAvailable": available,
                },
            }),
        )
    };
    for (strategy, updated, available, state, words, waits) in [
        ("RollingUpdate", 3, 3, Complete, "rolled out", false),
        (
            "RollingUpdate",
            2,
            3,
            Progressing,
            "2 of 3 pods are of the newest",
            false,
        ),
        (
            "RollingUpdate",
            3,
            2,
            Progressing,
            "2 of 3 pods are available",
            false,
        ),
        (
            "OnDelete",
            2,
            3,
            Progressing,
            "1 pod runs an older version",
            true,
        ),
        (
            "OnDelete",
            2,
            2,
            Progressing,
            "2 of 3 pods are available",
            false,
        ),
    ] {
        let set = set(strategy, updated, available);
        let found = progress(&set);
        assert_eq!(found.state, state, "{strategy} {found:?}");
        assert!(found.message.contains(words), "{strategy} {found:?}");
        assert_eq!(waits_for_deletion(&set), waits, "{strategy} {found:?}");
    }
}
