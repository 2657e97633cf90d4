use super::words::LENGTH;
use super::*;
use serde_json::{Value, json};

const STARTED: &str = "2026-01-01T00:00:00Z";

/// A pod with one container, which started at `STARTED`.
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
fn the_worst_of_all_pods_is_reported() {
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
        // 60 s, plus three attempts of the probe.
        (vec![running(), ready()], 90, probe, true),
        (vec![creating.clone()], 299, created, false),
        (vec![creating], 300, created, true),
    ] {
        let found = of(&pods, seconds);
        assert_eq!(found, Some((words.to_owned(), is_fact)), "{seconds}");
    }
}

#[test]
fn ready_terminating_and_completed_pods_have_no_trouble() {
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
fn a_readiness_gate_that_is_never_set_is_named() {
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
fn long_reasons_are_cut() {
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
