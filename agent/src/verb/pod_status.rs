//! The status of a pod as `kubectl get pods` shows it, and what prevents its containers from becoming ready. Pure.

use bus_schema::verb::PodProblem;
use jiff::Timestamp;

use crate::kubernetes::{Container, ContainerStatus, Pod, PodCondition, PodStatus, name_of};
use crate::pod_trouble::{container_trouble, lastingly_unready, unscheduled};

/// The status of a pod.
pub fn status_text(pod: &Pod) -> String {
    let none = PodStatus::default();
    let status = pod.status.as_ref().unwrap_or(&none);
    if pod.metadata.deletion_timestamp.is_some() {
        return if status.reason == "NodeLost" {
            "Unknown"
        } else {
            "Terminating"
        }
        .to_owned();
    }
    initialising(pod, status).unwrap_or_else(|| running(status))
}

fn overall(status: &PodStatus) -> String {
    [&status.reason, &status.phase]
        .into_iter()
        .find(|text| !text.is_empty())
        .map_or_else(|| "Unknown".to_owned(), String::clone)
}

/// The status of the first init container that is not done.
fn initialising(pod: &Pod, status: &PodStatus) -> Option<String> {
    let of = |status: &ContainerStatus| {
        let mut containers = pod.spec.init_containers.iter();
        containers.find(|c| c.name == status.name).cloned()
    };
    let statuses = &status.init_container_statuses;
    let done = |s: &ContainerStatus| has_done_its_part(s, of(s).as_ref());
    let (index, status) = statuses.iter().enumerate().find(|(_, s)| !done(s))?;
    Some(match (&status.state.terminated, &status.state.waiting) {
        (Some(end), _) if end.reason.is_empty() => {
            format!("Init:{}", ended(end.signal, end.exit_code))
        }
        (Some(end), _) => format!("Init:{}", end.reason),
        (None, Some(wait)) if !wait.reason.is_empty() && wait.reason != "PodInitializing" => {
            format!("Init:{}", wait.reason)
        }
        _ => format!("Init:{index}/{}", pod.spec.init_containers.len()),
    })
}

/// It has succeeded; or, for a sidecar, has started.
fn has_done_its_part(status: &ContainerStatus, container: Option<&Container>) -> bool {
    let sidecar = container.is_some_and(|c| c.restart_policy.as_deref() == Some("Always"));
    let ended_well = status
        .state
        .terminated
        .as_ref()
        .is_some_and(|end| end.exit_code == 0);
    ended_well || (sidecar && status.started == Some(true))
}

/// The status of the first container that is not running.
fn running(status: &PodStatus) -> String {
    let words: Vec<String> = status
        .container_statuses
        .iter()
        .filter_map(container_status_text)
        .collect();
    let runs = |s: &ContainerStatus| s.state.running.is_some() && s.ready;
    match words.into_iter().next() {
        Some(word) if word == "Completed" && status.container_statuses.iter().any(runs) => {
            if status.is_ready() {
                "Running"
            } else {
                "NotReady"
            }
            .to_owned()
        }
        Some(word) => word,
        None => overall(status),
    }
}

fn container_status_text(status: &ContainerStatus) -> Option<String> {
    if let Some(wait) = &status.state.waiting {
        return (!wait.reason.is_empty()).then(|| wait.reason.clone());
    }
    let end = status.state.terminated.as_ref()?;
    Some(if end.reason.is_empty() {
        ended(end.signal, end.exit_code)
    } else {
        end.reason.clone()
    })
}

fn ended(signal: i32, exit_code: i32) -> String {
    if signal != 0 {
        format!("Signal:{signal}")
    } else {
        format!("ExitCode:{exit_code}")
    }
}

/// What prevents a pod from becoming ready; empty if it is ready, is terminating or has just started.
pub fn problems(pod: &Pod, now: Timestamp) -> Vec<PodProblem> {
    let Some(status) = &pod.status else {
        return Vec::new();
    };
    if status.is_ready() || pod.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let Ok(name) = name_of(&pod.metadata).parse::<bus_schema::PodName>() else {
        return Vec::new();
    };
    let of_pod = |condition: &PodCondition| PodProblem {
        pod: name.clone(),
        container: None,
        reason: condition.reason.clone(),
        message: condition.message.clone(),
    };
    let statuses = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses);
    let of_containers = statuses.filter_map(|status| {
        let trouble = container_trouble(status, now)?;
        Some(PodProblem {
            pod: name.clone(),
            container: status.name.parse().ok(),
            reason: trouble.reason,
            message: trouble.message,
        })
    });
    let unscheduled = unscheduled(pod).map(of_pod).into_iter();
    let mut problems: Vec<PodProblem> = unscheduled.chain(of_containers).collect();
    if problems.is_empty() {
        problems.extend(lastingly_unready(pod, now).map(of_pod));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(status: Value) -> Pod {
        let value = json!({
            "metadata": { "name": "web-1" },
            "spec": { "initContainers": [{ "name": "i" }, { "name": "side", "restartPolicy": "Always" }],
                      "containers": [{ "name": "a" }, { "name": "b" }] },
            "status": status,
        });
        serde_json::from_value(value).expect("a pod")
    }

    fn now() -> Timestamp {
        "2026-01-01T01:00:00Z".parse().expect("a time")
    }

    #[test]
    fn the_status_is_the_one_that_kubectl_shows() {
        let ready = json!([{ "type": "Ready", "status": "True" }]);
        for (status, expected) in [
            (json!({ "phase": "Pending" }), "Pending"),
            (json!({ "phase": "Failed", "reason": "Evicted" }), "Evicted"),
            (
                json!({ "phase": "Running", "containerStatuses": [
                { "name": "a", "ready": true, "state": { "running": {} } }] }),
                "Running",
            ),
            (
                json!({ "phase": "Running", "containerStatuses": [
                { "name": "a", "state": { "waiting": { "reason": "CrashLoopBackOff" } } },
                { "name": "b", "state": { "waiting": { "reason": "ImagePullBackOff" } } }] }),
                "CrashLoopBackOff",
            ),
            (
                json!({ "phase": "Running", "containerStatuses": [
                { "name": "a", "state": { "terminated": { "exitCode": 3 } } }] }),
                "ExitCode:3",
            ),
            (
                json!({ "phase": "Running", "conditions": ready, "containerStatuses": [
                { "name": "a", "state": { "terminated": { "reason": "Completed" } } },
                { "name": "b", "ready": true, "state": { "running": {} } }] }),
                "Running",
            ),
            (
                json!({ "phase": "Pending", "initContainerStatuses": [
                { "name": "i", "state": { "running": {} } }] }),
                "Init:0/2",
            ),
            (
                json!({ "phase": "Pending", "initContainerStatuses": [
                { "name": "i", "state": { "terminated": { "exitCode": 1, "reason": "Error" } } }] }),
                "Init:Error",
            ),
            (
                json!({ "phase": "Running", "initContainerStatuses": [
                { "name": "i", "state": { "terminated": { "exitCode": 0 } } },
                { "name": "side", "started": true, "state": { "running": {} } }] }),
                "Running",
            ),
        ] {
            assert_eq!(status_text(&pod(status.clone())), expected, "{status}");
        }
    }

    #[test]
    fn problems_include_the_name_of_their_container() {
        let status = json!({ "phase": "Pending", "containerStatuses": [
            { "name": "a", "state": { "waiting": { "reason": "ContainerCreating" } } },
            { "name": "b", "state": { "waiting": { "reason": "ErrImagePull", "message": "no such image" } } }] });
        let problems = problems(&pod(status), now());
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].container.as_ref().unwrap().as_str(), "b");
        assert_eq!(problems[0].reason, "ErrImagePull");
    }

    #[test]
    fn a_pod_that_nowhere_fits_says_so() {
        let status = json!({ "phase": "Pending", "conditions": [
            { "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes" }] });
        assert_eq!(problems(&pod(status), now())[0].reason, "Unschedulable");
    }

    /// A pod as observed on a real API server (b11).
    #[test]
    fn a_crash_loop_says_how_its_container_ended_last() {
        let status = json!({
            "phase": "Running",
            "conditions": [{ "type": "Ready", "status": "False", "reason": "ContainersNotReady" }],
            "containerStatuses": [{
                "name": "app", "restartCount": 12, "ready": false, "started": false,
                "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container" } },
                "lastState": { "terminated": { "exitCode": 137, "reason": "OOMKilled",
                    "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:09Z" } },
            }],
        });
        let problems = problems(&pod(status), now());
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].reason, "CrashLoopBackOff");
        let expected =
            "exit 137 (OOMKilled), 12 restarts; back-off 5m0s restarting failed container";
        assert_eq!(problems[0].message, expected);
    }

    /// A pod whose containers run but do not become ready (b12).
    #[test]
    fn a_pod_that_runs_and_is_not_ready_says_so_once_it_has_had_its_time() {
        let status = json!({
            "phase": "Running",
            "conditions": [{ "type": "Ready", "status": "False", "reason": "ContainersNotReady",
                             "message": "containers with unready status: [app]" }],
            "containerStatuses": [{ "name": "app", "started": true, "ready": false,
                                    "state": { "running": { "startedAt": "2026-01-01T00:00:00Z" } } }],
        });
        let pod = pod(status);
        assert!(problems(&pod, "2026-01-01T00:00:10Z".parse().unwrap()).is_empty());
        let problems = problems(&pod, now());
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].container, None);
        assert_eq!(problems[0].reason, "ContainersNotReady");
        assert_eq!(problems[0].message, "containers with unready status: [app]");
    }
}
