//! What keeps a deployment's pods from being ready: of each container, of each pod, and of all of them in one sentence, the worst of
//! it. Pure; time is an argument.

use std::cmp::Reverse;
use std::time::Duration;

use jiff::Timestamp;

use crate::kubernetes::{
    Container, ContainerStatus, Pod, PodCondition, Probe, Terminated, name_of,
};

/// Containers that run may take this long to be ready, and as long as their probes allow beyond that.
const NORMAL_START: Duration = Duration::from_secs(60);
/// Pulling images and mounting volumes may take this long.
const NORMAL_CREATION: Duration = Duration::from_secs(300);
/// What ran for this long has got over its last end: the kubelet, too, begins its back-off anew then.
const RECOVERED: Duration = Duration::from_secs(600);
/// Characters of a reason: those of a registry or a scheduler are at times pages.
const LENGTH: usize = 400;

/// What is wrong with a deployment's pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// In one line.
    pub reason: String,
    /// Whether it is more than what every start looks like for a while.
    pub is_fact: bool,
}

/// What is wrong with a container: Kubernetes' word, and an explanation that may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerTrouble {
    kind: Kind,
    pub reason: String,
    pub message: String,
}

/// Worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// It ends as soon as it has begun.
    Crashes,
    /// It does not come to run at all.
    Waits,
    /// No node takes its pod.
    Unscheduled,
}

/// The worst that keeps these pods from being ready; `None` where nothing does.
pub fn trouble(pods: &[Pod], now: Timestamp) -> Option<Trouble> {
    let live: Vec<&Pod> = pods.iter().filter(|pod| is_live(pod)).collect();
    let worst = live.iter().filter_map(|pod| worst_of(pod, now));
    let worst = worst.min_by(|(one, _), (other, _)| one.cmp(other));
    if let Some((_, words)) = worst {
        return Some(Trouble {
            reason: one_line(&words),
            is_fact: true,
        });
    }
    let unready: Vec<(&Pod, &PodCondition)> = live
        .iter()
        .filter_map(|pod| Some((*pod, unready(pod)?)))
        .collect();
    let lasting = unready.iter().find(|(pod, _)| lasts(pod, now));
    let (pod, condition) = lasting.or(unready.first())?;
    let (count, of) = (unready.len(), live.len());
    let pods = if of == 1 { "pod" } else { "pods" };
    let are = if count == 1 { "is" } else { "are" };
    let why = why(pod, condition);
    Some(Trouble {
        reason: one_line(&format!("{count} of {of} {pods} {are} not ready: {why}")),
        is_fact: lasting.is_some(),
    })
}

/// The condition by which a pod is not ready though it has been given the time for it.
pub fn lastingly_unready(pod: &Pod, now: Timestamp) -> Option<&PodCondition> {
    unready(pod).filter(|_| lasts(pod, now))
}

/// The condition by which no node takes a pod. One that is held back on purpose is in no trouble.
pub fn unscheduled(pod: &Pod) -> Option<&PodCondition> {
    let condition = pod.status.as_ref()?.condition("PodScheduled")?;
    (condition.status == "False" && condition.reason != "SchedulingGated").then_some(condition)
}

/// What is wrong with one container. Waiting because of the steps that every container takes is no trouble.
pub fn container_trouble(status: &ContainerStatus, now: Timestamp) -> Option<ContainerTrouble> {
    if let Some(wait) = &status.state.waiting {
        if ["", "ContainerCreating", "PodInitializing"].contains(&wait.reason.as_str()) {
            return None;
        }
        let last = status.last_state.terminated.as_ref();
        return Some(match last.filter(|_| wait.reason == "CrashLoopBackOff") {
            Some(end) => ContainerTrouble {
                kind: Kind::Crashes,
                reason: wait.reason.clone(),
                message: sentences(&[&ended(status, end), &wait.message]),
            },
            None => ContainerTrouble {
                kind: match wait.reason.as_str() {
                    "CrashLoopBackOff" => Kind::Crashes,
                    _ => Kind::Waits,
                },
                reason: wait.reason.clone(),
                message: wait.message.clone(),
            },
        });
    }
    if let Some(end) = &status.state.terminated {
        return (end.exit_code != 0).then(|| crashed(status, end, &end.message));
    }
    // It runs again, for now.
    let end = status.last_state.terminated.as_ref()?;
    let running = status.state.running.as_ref()?;
    let young = running
        .started_at
        .is_none_or(|since| age(since, now) < RECOVERED);
    (!status.ready && young && end.exit_code != 0).then(|| crashed(status, end, ""))
}

fn crashed(status: &ContainerStatus, end: &Terminated, message: &str) -> ContainerTrouble {
    ContainerTrouble {
        kind: Kind::Crashes,
        reason: match end.reason.as_str() {
            "" if end.signal != 0 => format!("Signal:{}", end.signal),
            "" => format!("ExitCode:{}", end.exit_code),
            reason => reason.to_owned(),
        },
        message: sentences(&[&ended(status, end), message]),
    }
}

/// How a container ended last, and how often it was begun anew: `exit 137 (OOMKilled), 17 restarts`.
fn ended(status: &ContainerStatus, end: &Terminated) -> String {
    let reason = match end.reason.as_str() {
        "" | "Error" => String::new(),
        reason => format!(" ({reason})"),
    };
    let end = match end.signal {
        0 => format!("exit {}", end.exit_code),
        signal => format!("signal {signal}"),
    };
    match status.restart_count {
        0 => format!("{end}{reason}"),
        1 => format!("{end}{reason}, 1 restart"),
        count => format!("{end}{reason}, {count} restarts"),
    }
}

/// How bad it is, and in which words; of two that are equally bad, what was begun anew more often comes first.
type Worst = ((Kind, Reverse<i32>, String), String);

fn worst_of(pod: &Pod, now: Timestamp) -> Option<Worst> {
    let status = pod.status.as_ref()?;
    if status.is_ready() {
        return None;
    }
    let name = name_of(&pod.metadata);
    let several = pod.spec.containers.len() + pod.spec.init_containers.len() > 1;
    let statuses = status.init_container_statuses.iter();
    let of_containers = statuses
        .chain(&status.container_statuses)
        .filter_map(|status| {
            let trouble = container_trouble(status, now)?;
            let rank = (trouble.kind, Reverse(status.restart_count), name.to_owned());
            let container = if several {
                format!(" (container {})", status.name)
            } else {
                String::new()
            };
            let words = match trouble.kind {
                Kind::Crashes => in_words(status, &trouble),
                _ => named(&trouble.reason, &trouble.message),
            };
            Some((rank, words + &container))
        });
    let of_pod = unscheduled(pod).map(|condition| {
        let rank = (Kind::Unscheduled, Reverse(0), name.to_owned());
        (rank, named(&condition.reason, &condition.message))
    });
    of_containers
        .chain(of_pod)
        .min_by(|(one, _), (other, _)| one.cmp(other))
}

/// `CrashLoopBackOff, exit 137 (OOMKilled), 17 restarts`, and without the first part while it does not wait.
fn in_words(status: &ContainerStatus, trouble: &ContainerTrouble) -> String {
    let end = status
        .state
        .terminated
        .as_ref()
        .or(status.last_state.terminated.as_ref());
    match (status.state.waiting.is_some(), end) {
        (true, Some(end)) => format!("{}, {}", trouble.reason, ended(status, end)),
        (false, Some(end)) => ended(status, end),
        (_, None) => named(&trouble.reason, &trouble.message),
    }
}

/// Not one that is going away, or has ended and been replaced.
fn is_live(pod: &Pod) -> bool {
    let over = pod.status.as_ref().is_some_and(|status| status.is_over());
    pod.metadata.deletion_timestamp.is_none() && !over
}

fn unready(pod: &Pod) -> Option<&PodCondition> {
    let condition = pod.status.as_ref()?.condition("Ready")?;
    (condition.status == "False" && is_live(pod)).then_some(condition)
}

/// Whether a pod has been unready for longer than it may take to start.
fn lasts(pod: &Pod, now: Timestamp) -> bool {
    let Some(status) = &pod.status else {
        return false;
    };
    let statuses = &status.container_statuses;
    let all_run = statuses.iter().all(|status| status.state.running.is_some());
    let allowed = match all_run && !statuses.is_empty() {
        true => {
            NORMAL_START
                + pod
                    .spec
                    .containers
                    .iter()
                    .map(probes_allow)
                    .max()
                    .unwrap_or_default()
        }
        false => NORMAL_CREATION,
    };
    let starts = statuses
        .iter()
        .filter_map(|status| status.state.running.as_ref()?.started_at);
    let turned = status
        .condition("Ready")
        .and_then(|it| it.last_transition_time);
    let since = starts.chain(turned).max();
    since.is_none_or(|since| age(since, now) >= allowed)
}

fn probes_allow(container: &Container) -> Duration {
    let allows = |probe: &Option<Probe>| {
        let tries = |probe: &Probe| probe.period_seconds.saturating_mul(probe.failure_threshold);
        let seconds = |probe: &Probe| probe.initial_delay_seconds.saturating_add(tries(probe));
        probe.as_ref().map_or(0, seconds)
    };
    let seconds =
        allows(&container.startup_probe).saturating_add(allows(&container.readiness_probe));
    Duration::from_secs(seconds.into())
}

/// The kubelet says which containers are not ready; why follows from which probe it waits for.
fn why(pod: &Pod, condition: &PodCondition) -> String {
    let statuses = pod
        .status
        .iter()
        .flat_map(|status| &status.container_statuses);
    let mut running = statuses.filter(|it| it.state.running.is_some() && !it.ready);
    let probe = running.find_map(|status| {
        let container = pod
            .spec
            .containers
            .iter()
            .find(|it| it.name == status.name)?;
        let probe = match status.started {
            Some(false) if container.startup_probe.is_some() => "startup",
            _ => container.readiness_probe.as_ref().map(|_| "readiness")?,
        };
        Some(format!(
            "{probe} probe of {} has not succeeded",
            status.name
        ))
    });
    probe.unwrap_or_else(|| match condition.message.as_str() {
        "" => condition.reason.clone(),
        message => message.to_owned(),
    })
}

fn age(since: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(since).try_into().unwrap_or_default()
}

fn named(reason: &str, message: &str) -> String {
    match message {
        "" => reason.to_owned(),
        message => format!("{reason}: {message}"),
    }
}

fn sentences(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .copied()
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("; ")
}

/// One line of a bounded length.
fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const STARTED: &str = "2026-01-01T00:00:00Z";

    /// A pod with one container, so many seconds after it began to run.
    fn pod(name: &str, status: &Value) -> Pod {
        let value = json!({
            "metadata": { "name": name },
            "spec": { "containers": [{ "name": "app", "readinessProbe": { "periodSeconds": 10, "failureThreshold": 3 } }] },
            "status": status,
        });
        serde_json::from_value(value).expect("a pod")
    }

    fn after(seconds: i64) -> Timestamp {
        let started: Timestamp = STARTED.parse().expect("a time");
        started + jiff::SignedDuration::from_secs(seconds)
    }

    fn status(phase: &str, container: Value) -> Value {
        let mut container = container;
        container["name"] = json!("app");
        json!({
            "phase": phase,
            "conditions": [{ "type": "Ready", "status": "False", "reason": "ContainersNotReady",
                             "message": "containers with unready status: [app]", "lastTransitionTime": STARTED }],
            "containerStatuses": [container],
        })
    }

    fn crash_loop(restarts: i32) -> Value {
        status(
            "Running",
            json!({
                "restartCount": restarts,
                "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 5m0s" } },
                "lastState": { "terminated": { "exitCode": 137, "reason": "OOMKilled" } },
            }),
        )
    }

    fn running() -> Value {
        status(
            "Running",
            json!({ "started": true, "state": { "running": { "startedAt": STARTED } } }),
        )
    }

    fn ready() -> Value {
        json!({ "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }], "containerStatuses": [
            { "name": "app", "ready": true, "restartCount": 4, "state": { "running": { "startedAt": STARTED } },
              "lastState": { "terminated": { "exitCode": 1 } } }] })
    }

    fn of(pods: &[Value], seconds: i64) -> Option<(String, bool)> {
        let pods = pods
            .iter()
            .enumerate()
            .map(|(n, status)| pod(&format!("web-{n}"), status));
        let found = trouble(&pods.collect::<Vec<_>>(), after(seconds));
        found.map(|trouble| (trouble.reason, trouble.is_fact))
    }

    #[test]
    fn each_trouble_of_a_container_has_its_words() {
        let waits = |reason: &str, message: &str| json!({ "state": { "waiting": { "reason": reason, "message": message } } });
        for (container, words) in [
            (
                crash_loop(17)["containerStatuses"][0].clone(),
                "CrashLoopBackOff, exit 137 (OOMKilled), 17 restarts",
            ),
            (
                waits("CrashLoopBackOff", "back-off 10s"),
                "CrashLoopBackOff: back-off 10s",
            ),
            (
                waits("ImagePullBackOff", "Back-off pulling\n image \"x\""),
                "ImagePullBackOff: Back-off pulling image \"x\"",
            ),
            (
                waits("CreateContainerConfigError", ""),
                "CreateContainerConfigError",
            ),
            (
                json!({ "state": { "terminated": { "exitCode": 1, "reason": "Error" } } }),
                "exit 1",
            ),
            (
                json!({ "restartCount": 1, "state": { "terminated": { "exitCode": 0, "signal": 9 } } }),
                "",
            ),
            (
                json!({ "restartCount": 1, "state": { "terminated": { "exitCode": 137, "signal": 9 } } }),
                "signal 9, 1 restart",
            ),
            (
                json!({ "restartCount": 2, "state": { "running": { "startedAt": STARTED } },
                     "lastState": { "terminated": { "exitCode": 3 } } }),
                "exit 3, 2 restarts",
            ),
        ] {
            let found = of(&[status("Running", container.clone())], 1);
            match words {
                "" => assert!(found.is_none_or(|(_, is_fact)| !is_fact), "{container}"),
                words => assert_eq!(found, Some((words.to_owned(), true)), "{container}"),
            }
        }
    }

    #[test]
    fn the_worst_of_all_pods_is_told() {
        let pull = status(
            "Pending",
            json!({ "state": { "waiting": { "reason": "ErrImagePull" } } }),
        );
        let unscheduled = json!({ "phase": "Pending", "conditions": [
            { "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes" }] });
        let worst = |pods: &[Value]| of(pods, 1).expect("trouble").0;
        assert_eq!(
            worst(&[ready(), unscheduled.clone()]),
            "Unschedulable: 0/3 nodes"
        );
        assert_eq!(worst(&[unscheduled, pull.clone()]), "ErrImagePull");
        let crashing = [pull, crash_loop(2), crash_loop(9), running()];
        assert_eq!(
            worst(&crashing),
            "CrashLoopBackOff, exit 137 (OOMKilled), 9 restarts"
        );
    }

    #[test]
    fn a_start_is_no_trouble_until_it_takes_too_long() {
        let creating = status(
            "Pending",
            json!({ "state": { "waiting": { "reason": "ContainerCreating" } } }),
        );
        let probe = "1 of 2 pods is not ready: readiness probe of app has not succeeded";
        let created = "1 of 1 pod is not ready: containers with unready status: [app]";
        for (pods, seconds, words, is_fact) in [
            (vec![running(), ready()], 89, probe, false),
            // 60 s, and the three tries of the probe.
            (vec![running(), ready()], 90, probe, true),
            (vec![creating.clone()], 299, created, false),
            (vec![creating], 300, created, true),
        ] {
            let found = of(&pods, seconds);
            assert_eq!(found, Some((words.to_owned(), is_fact)), "{seconds}");
        }
    }

    #[test]
    fn what_is_ready_going_away_or_over_is_in_no_trouble() {
        assert_eq!(of(&[ready()], 1), None);
        assert_eq!(of(&[], 1), None);
        let mut over = crash_loop(3);
        over["phase"] = json!("Failed");
        assert_eq!(of(&[over, ready()], 1), None);
        let mut going = pod("web", &crash_loop(3));
        let time = after(0);
        going.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(time));
        assert_eq!(trouble(&[going], after(1)), None);
        let gated = json!({ "phase": "Pending", "conditions": [
            { "type": "PodScheduled", "status": "False", "reason": "SchedulingGated" }] });
        assert_eq!(of(&[gated], 1000), None);
    }

    #[test]
    fn a_readiness_gate_that_nobody_sets_is_named() {
        let mut gated = running();
        gated["conditions"][0] = json!({ "type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady",
            "message": "corresponding condition of pod readiness gate \"lb.example/registered\" does not exist." });
        gated["containerStatuses"][0]["ready"] = json!(true);
        let (reason, is_fact) = of(&[gated], 91).expect("trouble");
        assert!(
            reason.contains("lb.example/registered") && is_fact,
            "{reason}"
        );
    }

    #[test]
    fn pages_of_words_are_cut() {
        let words = "ä".repeat(5_000);
        let pull = status(
            "Pending",
            json!({ "state": { "waiting": { "reason": "ErrImagePull", "message": words } } }),
        );
        assert_eq!(
            of(&[pull], 1).expect("trouble").0.chars().count(),
            LENGTH + 1
        );
    }
}
