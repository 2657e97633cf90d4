//! The ReplicaSet controller: creates the desired number of pods, and counts the available ones.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetStatus};
use k8s_openapi::api::core::v1::Pod;

use super::pods::{self, count};
use super::status::some;
use crate::derived::pod_of;
use crate::derived::workload::Workload as _;
use crate::pod::{self, ready_since};
use crate::state::State;
use crate::store::Key;

pub fn reconcile(state: &mut State, key: &Key, now: Timestamp) {
    let Some(set) = state.store.read::<ReplicaSet>(key) else {
        return;
    };
    let wanted = super::fleet::wanted(&set);
    let mut active = active_pods(state, &set);
    let have = count(active.len());
    if set.metadata.deletion_timestamp.is_none() {
        for _ in have..wanted {
            create_pod(state, &set, now);
        }
        if wanted < have {
            active.sort_by_key(worth);
            let surplus = usize::try_from(have - wanted).unwrap_or(0);
            for pod in &active[..surplus] {
                pods::end(state, &set, pod, now);
            }
        }
    }
    update_status(state, set, now);
}

fn active_pods(state: &State, set: &ReplicaSet) -> Vec<Pod> {
    let mut pods = pods::owned(state, set);
    pods.retain(pods::is_active);
    pods
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
    let template = set.template().cloned().unwrap_or_default();
    pods::create(state, set, pod_of(set, &template, name), now);
}

fn update_status(state: &mut State, mut set: ReplicaSet, now: Timestamp) {
    let active = active_pods(state, &set);
    let is_ready = |pod: &&Pod| ready_since(pod).is_some();
    let is_available = |pod: &&Pod| pods::is_available(state, &set, pod, now);
    let ready = active.iter().filter(is_ready).count();
    let available = active.iter().filter(is_available).count();
    let ending = pods::owned(state, &set).len() - active.len();
    pods::wait_for_available(state, &set, &active, now);
    set.status = Some(ReplicaSetStatus {
        replicas: count(active.len()),
        fully_labeled_replicas: some(count(active.len())),
        ready_replicas: some(count(ready)),
        available_replicas: some(count(available)),
        terminating_replicas: Some(count(ending)),
        observed_generation: set.metadata.generation,
        conditions: None,
    });
    state.store.put(set);
}
