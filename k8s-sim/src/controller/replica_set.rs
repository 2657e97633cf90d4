//! The ReplicaSet controller: creates the desired number of pods, and counts the available ones.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetStatus};
use k8s_openapi::api::core::v1::{Pod, PodStatus};

use super::event::{self, Happening};
use super::garbage;
use super::status::some;
use crate::derived::pod_of;
use crate::pod::{self, ready_since};
use crate::queue::Work;
use crate::state::State;
use crate::store::Key;

const COMPONENT: &str = "replicaset-controller";

pub fn reconcile(state: &mut State, key: &Key, now: Timestamp) {
    let Some(set) = state.store.read::<ReplicaSet>(key) else {
        return;
    };
    let wanted = super::fleet::wanted(&set);
    let mut pods = active_pods(state, &set);
    let have = i32::try_from(pods.len()).unwrap_or(i32::MAX);
    if set.metadata.deletion_timestamp.is_none() {
        for _ in have..wanted {
            create_pod(state, &set, now);
        }
        if wanted < have {
            pods.sort_by_key(worth);
            let surplus = usize::try_from(have - wanted).unwrap_or(0);
            for pod in &pods[..surplus] {
                end_pod(state, &set, pod, now);
            }
        }
    }
    update_status(state, set, now);
}

fn active_pods(state: &State, set: &ReplicaSet) -> Vec<Pod> {
    let mut pods = owned_pods(state, set);
    pods.retain(|pod| pod.metadata.deletion_timestamp.is_none() && !is_over(pod));
    pods
}

fn owned_pods(state: &State, set: &ReplicaSet) -> Vec<Pod> {
    state
        .store
        .owned(set.metadata.uid.as_deref().unwrap_or_default())
}

fn is_over(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// The least valuable pods are deleted first: unassigned, not ready, young.
fn worth(pod: &Pod) -> (bool, bool, std::cmp::Reverse<Option<Timestamp>>) {
    let assigned = pod::is_assigned(pod);
    let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    (
        assigned,
        ready_since(pod).is_some(),
        std::cmp::Reverse(created),
    )
}

fn create_pod(state: &mut State, set: &ReplicaSet, now: Timestamp) {
    let name = format!("{}-{}", super::fleet::name_of(set), state.ids.suffix());
    let mut pod = pod_of(set, name);
    pod.status = Some(PodStatus {
        phase: Some("Pending".to_owned()),
        qos_class: Some("BestEffort".to_owned()),
        ..PodStatus::default()
    });
    let pod: Pod = state.create(pod, now).decode();
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let message = format!("Created pod: {name}");
    let happening = Happening::normal(COMPONENT, "SuccessfulCreate", &message);
    event::record(state, set, happening, now);
}

fn end_pod(state: &mut State, set: &ReplicaSet, pod: &Pod, now: Timestamp) {
    let grace = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.termination_grace_period_seconds);
    garbage::end_pod(state, &Key::of(pod), grace.unwrap_or(30), now);
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let message = format!("Deleted pod: {name}");
    let happening = Happening::normal(COMPONENT, "SuccessfulDelete", &message);
    event::record(state, set, happening, now);
}

fn update_status(state: &mut State, mut set: ReplicaSet, now: Timestamp) {
    let pods = active_pods(state, &set);
    let seconds = set
        .spec
        .as_ref()
        .and_then(|spec| spec.min_ready_seconds)
        .unwrap_or(0);
    let settle = state
        .clock
        .scale(Duration::from_secs(seconds.unsigned_abs().into()));
    let available_from: Vec<Timestamp> = pods
        .iter()
        .filter_map(ready_since)
        .map(|since| since + settle)
        .collect();
    let available = available_from.iter().filter(|from| **from <= now).count();
    if let Some(next) = available_from.iter().filter(|from| **from > now).min() {
        state.queue.push(*next, Work::ReplicaSet(Key::of(&set)));
    }
    let ending = owned_pods(state, &set).len() - pods.len();
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    set.status = Some(ReplicaSetStatus {
        replicas: count(pods.len()),
        fully_labeled_replicas: some(count(pods.len())),
        ready_replicas: some(count(available_from.len())),
        available_replicas: some(count(available)),
        terminating_replicas: Some(count(ending)),
        observed_generation: set.metadata.generation,
        conditions: None,
    });
    state.store.put(set);
}
