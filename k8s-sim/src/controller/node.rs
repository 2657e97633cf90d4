//! The scheduler and the nodes: a pod is assigned, its images are pulled, its containers start, become ready, and stop.

pub mod container;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, HostIP, Pod, PodCondition, PodIP, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::event::{self, Happening};
use super::{NOTICE, Work};
use crate::identity::{choose, digest};
use crate::kind::Kind;
use crate::state::State;
use crate::store::Key;

/// How long containers take to stop when they are asked to.
const STOP: Duration = Duration::from_secs(1);
pub const NODES: usize = 3;

pub fn node_name(number: usize) -> String {
    format!("node-{}", number + 1)
}

/// Takes the pod one step further and comes back when the next one is due.
pub fn advance(state: &mut State, key: &Key, now: Timestamp) {
    let Some(pod) = state.store.read::<Pod>(key) else {
        return;
    };
    let next = if pod.metadata.deletion_timestamp.is_some() {
        return stop(state, key, pod, now);
    } else if pod
        .spec
        .as_ref()
        .is_none_or(|spec| spec.node_name.is_none())
    {
        schedule(state, pod, now);
        Some(NOTICE)
    } else if pod
        .status
        .as_ref()
        .is_none_or(|s| s.container_statuses.is_none())
    {
        Some(accept(state, pod, now))
    } else {
        advance_containers(state, pod, now)
    };
    if let Some(wait) = next {
        let due = now + state.clock.pace(wait);
        state.queue.push(due, Work::Pod(key.clone()));
    }
}

pub fn remove(state: &mut State, key: &Key) {
    state.store.remove(Kind::Pod, key);
}

fn schedule(state: &mut State, mut pod: Pod, now: Timestamp) {
    let node = node_name(choose(&pod.metadata.uid, NODES));
    let key = Key::of(&pod);
    let message = format!(
        "Successfully assigned {}/{} to {node}",
        key.namespace, key.name
    );
    event::record(
        state,
        &pod,
        Happening::normal("default-scheduler", "Scheduled", &message),
        now,
    );
    pod.spec.get_or_insert_default().node_name = Some(node);
    let status = pod.status.get_or_insert_default();
    set_condition(status, "PodScheduled", true, now);
    state.store.put(pod);
}

fn accept(state: &mut State, mut pod: Pod, now: Timestamp) -> Duration {
    let containers = container::creating(&pod);
    for status in &containers {
        let message = format!("Pulling image \"{}\"", status.image);
        let pulling = Happening::normal("kubelet", "Pulling", &message).in_container(&status.name);
        event::record(state, &pod, pulling, now);
    }
    let pull = container::pull_time(&pod);
    let status = pod.status.get_or_insert_default();
    status.container_statuses = Some(containers);
    status.start_time = Some(Time(now));
    for (condition, value) in [
        ("Initialized", true),
        ("Ready", false),
        ("ContainersReady", false),
    ] {
        set_condition(status, condition, value, now);
    }
    state.store.put(pod);
    pull
}

fn advance_containers(state: &mut State, mut pod: Pod, now: Timestamp) -> Option<Duration> {
    let before = pod.clone();
    let containers = pod.status.as_mut()?.container_statuses.as_mut()?;
    let mut next = None;
    for status in containers.iter_mut() {
        let step = container::advance(&before, status, now);
        for (warning, reason, message) in &step.happenings {
            let happening = if *warning {
                Happening::warning("kubelet", reason, message)
            } else {
                Happening::normal("kubelet", reason, message)
            };
            event::record(state, &before, happening.in_container(&status.name), now);
        }
        next = match (next, step.wait) {
            (Some(a), Some(b)) => Some(std::cmp::min::<Duration>(a, b)),
            (a, b) => a.or(b),
        };
    }
    summarise(&mut pod, now);
    state.store.put(pod);
    next
}

/// The pod's phase, address and readiness as its containers have it.
fn summarise(pod: &mut Pod, now: Timestamp) {
    let uid = pod.metadata.uid.clone();
    let Some(status) = &mut pod.status else {
        return;
    };
    let containers = status.container_statuses.clone().unwrap_or_default();
    let started = containers.iter().all(has_started);
    let ready = containers.iter().all(|container| container.ready);
    status.phase = Some(if started { "Running" } else { "Pending" }.to_owned());
    if status.pod_ip.is_none() {
        let address = address(&uid);
        status.pod_ips = Some(vec![PodIP {
            ip: address.clone(),
        }]);
        status.pod_ip = Some(address);
        let host = "127.0.0.1".to_owned();
        status.host_ips = Some(vec![HostIP { ip: host.clone() }]);
        status.host_ip = Some(host);
    }
    set_condition(status, "ContainersReady", ready, now);
    set_condition(status, "Ready", ready, now);
}

fn has_started(container: &ContainerStatus) -> bool {
    let state = container.state.as_ref();
    state.is_some_and(|state| state.running.is_some()) || container.last_state.is_some()
}

fn stop(state: &mut State, key: &Key, mut pod: Pod, now: Timestamp) {
    let running: Vec<String> = pod
        .status
        .iter()
        .flat_map(|status| status.container_statuses.iter().flatten())
        .filter(|container| {
            container
                .state
                .as_ref()
                .is_some_and(|s| s.running.is_some())
        })
        .map(|container| container.name.clone())
        .collect();
    if running.is_empty() {
        return remove(state, key);
    }
    for name in &running {
        let message = format!("Stopping container {name}");
        let killing = Happening::normal("kubelet", "Killing", &message).in_container(name);
        event::record(state, &pod, killing, now);
    }
    for container in pod
        .status
        .iter_mut()
        .flat_map(|s| s.container_statuses.iter_mut().flatten())
    {
        container.ready = false;
    }
    summarise(&mut pod, now);
    state.store.put(pod);
    let due = now + state.clock.pace(STOP);
    state.queue.push(due, Work::PodEnd(key.clone()));
}

/// The status of a pod that has been running since `since` without trouble.
pub fn ready_pod_status(pod: &Pod, since: Timestamp) -> PodStatus {
    let mut pod = pod.clone();
    let status = PodStatus {
        start_time: Some(Time(since)),
        qos_class: Some("BestEffort".to_owned()),
        container_statuses: Some(container::running(&pod, since)),
        ..PodStatus::default()
    };
    let status = pod.status.insert(status);
    set_condition(status, "PodScheduled", true, since);
    set_condition(status, "Initialized", true, since);
    summarise(&mut pod, since);
    pod.status.unwrap_or_default()
}

fn set_condition(status: &mut PodStatus, type_: &str, value: bool, now: Timestamp) {
    let value = if value { "True" } else { "False" };
    let conditions = status.conditions.get_or_insert_default();
    if conditions
        .iter()
        .any(|c| c.type_ == type_ && c.status == value)
    {
        return;
    }
    conditions.retain(|condition| condition.type_ != type_);
    let unready = value == "False" && type_.ends_with("Ready");
    conditions.push(PodCondition {
        type_: type_.to_owned(),
        status: value.to_owned(),
        last_transition_time: Some(Time(now)),
        reason: unready.then(|| "ContainersNotReady".to_owned()),
        ..PodCondition::default()
    });
}

fn address(uid: &Option<String>) -> String {
    let [a, b, c, ..] = digest(uid).to_be_bytes();
    format!("10.{a}.{b}.{c}")
}
