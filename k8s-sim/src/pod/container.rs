//! A container's lifecycle, determined by its image: most run, some cannot be pulled, some crash and are restarted, some never become
//! ready.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated,
    ContainerStateWaiting, ContainerStatus, Pod,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Happening, Step};
use crate::identity::{choose, digest};

/// How long a container with a crashing image runs, and how long the node then waits.
const CRASH_AFTER: Duration = Duration::from_secs(5);
const CRASH_BACKOFF: Duration = Duration::from_secs(10);
const PULL_BACKOFF: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Runs,
    /// The image is not in its registry.
    CannotBePulled,
    Crashes,
    /// It crashes because it exceeds its memory limit.
    IsKilled,
    IsNeverReady,
}

/// An image with `bad` or `does-not-exist` in its name cannot be pulled; one with `crash` or `out-of-memory` ends a moment after its
/// start; one with `never-ready` runs and is not ready.
fn fate_of(image: &str) -> Fate {
    if image.contains("bad") || image.contains("does-not-exist") {
        Fate::CannotBePulled
    } else if image.contains("crash") {
        Fate::Crashes
    } else if image.contains("out-of-memory") {
        Fate::IsKilled
    } else if image.contains("never-ready") {
        Fate::IsNeverReady
    } else {
        Fate::Runs
    }
}

fn ends(image: &str) -> bool {
    matches!(fate_of(image), Fate::Crashes | Fate::IsKilled)
}

pub fn creating(pod: &Pod) -> Vec<ContainerStatus> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers
        .map(|container| ContainerStatus {
            name: container.name.clone(),
            image: container.image.clone().unwrap_or_default(),
            started: Some(false),
            state: Some(waiting("ContainerCreating", None)),
            ..ContainerStatus::default()
        })
        .collect()
}

pub fn running(pod: &Pod, since: Timestamp) -> Vec<ContainerStatus> {
    let mut containers = creating(pod);
    for status in &mut containers {
        start(pod, status, since);
        status.ready = true;
    }
    containers
}

/// 0.5 to 1.5 seconds, the same for the same pod.
pub fn pull_time(pod: &Pod) -> Duration {
    half_to_one_and_a_half_seconds(&("pull", &pod.metadata.uid))
}

fn ready_time(pod: &Pod, name: &str) -> Duration {
    let mut containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let probe = containers
        .find(|container: &&Container| container.name == name)
        .and_then(|container| container.readiness_probe.as_ref());
    let delay = probe
        .and_then(|probe| probe.initial_delay_seconds)
        .unwrap_or(0);
    let delay = Duration::from_secs(delay.unsigned_abs().into());
    delay + half_to_one_and_a_half_seconds(&("ready", &pod.metadata.uid, name))
}

fn half_to_one_and_a_half_seconds(of: &impl std::hash::Hash) -> Duration {
    Duration::from_millis(500 + choose(of, 1000) as u64)
}

pub fn advance(pod: &Pod, status: &mut ContainerStatus, now: Timestamp) -> Step {
    let state = status.state.clone().unwrap_or_default();
    let waits_for = state.waiting.and_then(|waiting| waiting.reason);
    match waits_for.as_deref() {
        Some("ContainerCreating") if fate_of(&status.image) == Fate::CannotBePulled => {
            fail_to_pull(status)
        }
        Some("ErrImagePull" | "ImagePullBackOff") => back_off_pulling(status),
        Some(_) => begin(pod, status, now),
        None if ends(&status.image) => crash(status, now),
        None => {
            status.ready = fate_of(&status.image) != Fate::IsNeverReady;
            Step {
                happenings: Vec::new(),
                wait: None,
            }
        }
    }
}

fn begin(pod: &Pod, status: &mut ContainerStatus, now: Timestamp) -> Step {
    // As a node counts: a container that waits for its restart has the number of its last run.
    status.restart_count += i32::from(status.last_state.is_some());
    start(pod, status, now);
    let (name, image) = (&status.name, &status.image);
    let wait = match ends(image) {
        true => CRASH_AFTER,
        false => ready_time(pod, name),
    };
    let pulled = format!("Successfully pulled image \"{image}\"");
    let created = format!("Container created: {name}");
    let started = format!("Container started: {name}");
    Step {
        happenings: vec![
            normal(status, "Pulled", pulled),
            normal(status, "Created", created),
            normal(status, "Started", started),
        ],
        wait: Some(wait),
    }
}

fn fail_to_pull(status: &mut ContainerStatus) -> Step {
    let image = &status.image;
    let why = format!("failed to pull and unpack image \"{image}\": not found");
    let failed = format!("Failed to pull image \"{image}\": {why}");
    status.state = Some(waiting("ErrImagePull", Some(why)));
    Step {
        happenings: vec![
            warning(status, "Failed", failed),
            warning(status, "Failed", "Error: ErrImagePull".to_owned()),
        ],
        wait: Some(Duration::from_secs(1)),
    }
}

fn back_off_pulling(status: &mut ContainerStatus) -> Step {
    let message = format!("Back-off pulling image \"{}\"", status.image);
    status.state = Some(waiting("ImagePullBackOff", Some(message.clone())));
    Step {
        happenings: vec![
            normal(status, "BackOff", message),
            warning(status, "Failed", "Error: ImagePullBackOff".to_owned()),
        ],
        wait: Some(PULL_BACKOFF),
    }
}

fn crash(status: &mut ContainerStatus, now: Timestamp) -> Step {
    let ran = status.state.take().and_then(|state| state.running);
    let (exit_code, reason) = match fate_of(&status.image) {
        Fate::IsKilled => (137, "OOMKilled"),
        _ => (1, "Error"),
    };
    status.last_state = Some(ContainerState {
        terminated: Some(ContainerStateTerminated {
            container_id: status.container_id.clone(),
            exit_code,
            reason: Some(reason.to_owned()),
            started_at: ran.and_then(|running| running.started_at),
            finished_at: Some(Time(now)),
            ..ContainerStateTerminated::default()
        }),
        ..ContainerState::default()
    });
    status.ready = false;
    status.started = Some(false);
    let message = format!("Back-off restarting failed container {}", status.name);
    status.state = Some(waiting("CrashLoopBackOff", Some(message.clone())));
    Step {
        happenings: vec![warning(status, "BackOff", message)],
        wait: Some(CRASH_BACKOFF),
    }
}

fn normal(status: &ContainerStatus, reason: &'static str, message: String) -> Happening {
    Happening {
        container: status.name.clone(),
        warning: false,
        reason,
        message,
    }
}

fn warning(status: &ContainerStatus, reason: &'static str, message: String) -> Happening {
    Happening {
        warning: true,
        ..normal(status, reason, message)
    }
}

fn start(pod: &Pod, status: &mut ContainerStatus, now: Timestamp) {
    status.started = Some(true);
    let digest = digest(&status.image);
    status.image_id = format!("sim.local/image@sha256:{digest:064x}");
    status.container_id = Some(container_id(pod, status));
    status.state = Some(ContainerState {
        running: Some(ContainerStateRunning {
            started_at: Some(Time(now)),
        }),
        ..ContainerState::default()
    });
}

pub fn container_id(pod: &Pod, status: &ContainerStatus) -> String {
    let id = digest(&(&pod.metadata.uid, &status.name, status.restart_count));
    format!("containerd://{id:064x}")
}

fn waiting(reason: &str, message: Option<String>) -> ContainerState {
    ContainerState {
        waiting: Some(ContainerStateWaiting {
            reason: Some(reason.to_owned()),
            message,
        }),
        ..ContainerState::default()
    }
}
