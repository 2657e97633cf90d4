//! A pod's lifecycle on its node, step by step, as pure functions that the simulated nodes and the kubelet double use.

mod container;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, HostIP, Pod, PodCondition, PodIP, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::identity::digest;
pub use container::container_id;

/// How long containers take to stop.
pub const STOP: Duration = Duration::from_secs(1);

/// Something that happened to a container, recorded as an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    pub container: String,
    pub warning: bool,
    pub reason: &'static str,
    pub message: String,
}

pub struct Step {
    pub happenings: Vec<Happening>,
    /// When the next step is due; `None` if nothing more happens by itself.
    pub wait: Option<Duration>,
}

pub fn is_assigned(pod: &Pod) -> bool {
    pod.spec
        .as_ref()
        .is_some_and(|spec| spec.node_name.is_some())
}

/// Advances a scheduled pod by one step.
pub fn step(pod: &mut Pod, now: Timestamp) -> Step {
    let status = pod.status.as_ref();
    if status.is_some_and(|status| status.container_statuses.is_some()) {
        advance(pod, now)
    } else {
        accept(pod, now)
    }
}

fn accept(pod: &mut Pod, now: Timestamp) -> Step {
    let containers = container::creating(pod);
    let happenings = containers.iter().map(|status| Happening {
        container: status.name.clone(),
        warning: false,
        reason: "Pulling",
        message: format!("Pulling image \"{}\"", status.image),
    });
    let step = Step {
        happenings: happenings.collect(),
        wait: Some(container::pull_time(pod)),
    };
    let status = pod.status.get_or_insert_default();
    status.container_statuses = Some(containers);
    status.start_time = Some(Time(now));
    set_condition(status, "Initialized", true, now);
    set_condition(status, "Ready", false, now);
    set_condition(status, "ContainersReady", false, now);
    step
}

fn advance(pod: &mut Pod, now: Timestamp) -> Step {
    let before = pod.clone();
    let mut happenings = Vec::new();
    let mut waits = Vec::new();
    for status in container_statuses(pod) {
        let step = container::advance(&before, status, now);
        happenings.extend(step.happenings);
        waits.extend(step.wait);
    }
    summarise(pod, now);
    Step {
        happenings,
        wait: waits.into_iter().min(),
    }
}

/// Starts to stop the containers; if none is running, the pod can be removed immediately.
pub fn stop(pod: &mut Pod, now: Timestamp) -> Vec<Happening> {
    let mut happenings = Vec::new();
    for status in container_statuses(pod) {
        status.ready = false;
        if status
            .state
            .as_ref()
            .is_some_and(|state| state.running.is_some())
        {
            happenings.push(Happening {
                container: status.name.clone(),
                warning: false,
                reason: "Killing",
                message: format!("Stopping container {}", status.name),
            });
        }
    }
    summarise(pod, now);
    happenings
}

/// The status of a pod that has been running since `since` without trouble.
pub fn ready_status(pod: &Pod, since: Timestamp) -> PodStatus {
    let mut pod = pod.clone();
    let containers = container::running(&pod, since);
    let status = pod.status.insert(PodStatus {
        start_time: Some(Time(since)),
        qos_class: Some("BestEffort".to_owned()),
        container_statuses: Some(containers),
        ..PodStatus::default()
    });
    set_condition(status, "PodScheduled", true, since);
    set_condition(status, "Initialized", true, since);
    summarise(&mut pod, since);
    pod.status.unwrap_or_default()
}

/// When the pod became ready, if it is.
pub fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let mut ready = conditions
        .iter()
        .filter(|c| c.type_ == "Ready" && c.status == "True");
    Some(ready.next()?.last_transition_time.as_ref()?.0)
}

fn container_statuses(pod: &mut Pod) -> impl Iterator<Item = &mut ContainerStatus> {
    let status = pod.status.iter_mut();
    status.flat_map(|status| status.container_statuses.iter_mut().flatten())
}

/// Derives the pod's phase, address and readiness from its containers.
fn summarise(pod: &mut Pod, now: Timestamp) {
    let uid = pod.metadata.uid.clone();
    let Some(status) = &mut pod.status else {
        return;
    };
    let containers = status.container_statuses.clone().unwrap_or_default();
    let started = containers.iter().all(has_started);
    let unready: Vec<&str> = containers
        .iter()
        .filter(|container| !container.ready)
        .map(|container| container.name.as_str())
        .collect();
    let ready = !containers.is_empty() && unready.is_empty();
    let unready = format!("containers with unready status: [{}]", unready.join(" "));
    status.phase = Some(if started { "Running" } else { "Pending" }.to_owned());
    if status.pod_ip.is_none() {
        let address = address(&uid);
        let ip = address.clone();
        status.pod_ips = Some(vec![PodIP { ip }]);
        status.pod_ip = Some(address);
        let host = "127.0.0.1".to_owned();
        status.host_ips = Some(vec![HostIP { ip: host.clone() }]);
        status.host_ip = Some(host);
    }
    for type_ in ["ContainersReady", "Ready"] {
        set_condition(status, type_, ready, now);
        let mut conditions = status.conditions.iter_mut().flatten();
        if let Some(condition) = conditions.find(|it| it.type_ == type_ && !ready) {
            condition.message = Some(unready.clone());
        }
    }
}

fn has_started(container: &ContainerStatus) -> bool {
    let state = container.state.as_ref();
    state.is_some_and(|state| state.running.is_some()) || container.last_state.is_some()
}

pub fn set_condition(status: &mut PodStatus, type_: &str, value: bool, now: Timestamp) {
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
