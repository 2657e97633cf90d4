//! What prevents a deployment's pods from being ready: by container, by pod, and the worst of it in one sentence. Pure; time is an
//! argument.

mod container;
#[cfg(test)]
mod tests;
mod words;

use std::cmp::Reverse;
use std::time::Duration;

use jiff::Timestamp;

use crate::kubernetes::{Container, Pod, PodCondition, Probe, name_of};

pub use container::container_trouble;

use container::{Kind, in_words};
use words::{named, one_line};

/// Running containers may take this long to become ready, plus the time that their probes allow.
const NORMAL_START: Duration = Duration::from_secs(60);
/// Pulling images and mounting volumes may take this long.
const NORMAL_CREATION: Duration = Duration::from_secs(300);
/// What is wrong with a deployment's pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The trouble in one line.
    pub reason: String,
    /// Whether it is more than a normal start looks like for a while.
    pub is_fact: bool,
}

/// The worst problem that prevents these pods from being ready; `None` if there is none.
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

/// The condition that makes a pod unready although it has had the time to become ready.
pub fn lastingly_unready(pod: &Pod, now: Timestamp) -> Option<&PodCondition> {
    unready(pod).filter(|_| lasts(pod, now))
}

/// The condition that makes a pod unschedulable. A pod with scheduling gates is held back on purpose, which is no trouble.
pub fn unscheduled(pod: &Pod) -> Option<&PodCondition> {
    let condition = pod.status.as_ref()?.condition("PodScheduled")?;
    (condition.status == "False" && condition.reason != "SchedulingGated").then_some(condition)
}

/// Its severity and its text; of two equally bad problems, the one with more restarts comes first.
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

/// Not a pod that is terminating, or has ended and been replaced.
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

/// The kubelet reports which containers are not ready; the reason follows from the probe that has not succeeded yet.
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
