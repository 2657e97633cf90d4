//! The scheduler and the nodes: store, time and record as events the steps that `pod` computes.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::NOTICE;
use super::event::{self, Happening};
use crate::derived::daemon::node_of;
use crate::derived::{NODES, node_name};
use crate::identity::choose;
use crate::kind::Kind;
use crate::pod;
use crate::queue::Work;
use crate::state::State;
use crate::store::Key;

/// Advances the pod by one step and schedules the next one.
pub fn advance(state: &mut State, key: &Key, now: Timestamp) {
    let Some(mut pod) = state.store.read::<Pod>(key) else {
        return;
    };
    if pod.metadata.deletion_timestamp.is_some() {
        return stop(state, key, pod, now);
    }
    let wait = if pod::is_assigned(&pod) {
        let step = pod::step(&mut pod, now);
        record(state, &pod, &step.happenings, now);
        state.store.put(pod);
        step.wait
    } else {
        assign(state, pod, now);
        Some(NOTICE)
    };
    if let Some(wait) = wait {
        let due = now + state.clock.scale(wait);
        state.queue.push(due, Work::Pod(key.clone()));
    }
}

/// Removes the pod with the steps that it had ahead: its name may be used again.
pub fn remove(state: &mut State, key: &Key) {
    state.store.remove(Kind::Pod, key);
    state.queue.cancel(&Work::Pod(key.clone()));
    state.queue.cancel(&Work::PodEnd(key.clone()));
}

fn assign(state: &mut State, mut pod: Pod, now: Timestamp) {
    let node = node_of(&pod).map(str::to_owned);
    let node = node.unwrap_or_else(|| node_name(choose(&pod.metadata.uid, NODES)));
    let Key { namespace, name } = Key::of(&pod);
    let message = format!("Successfully assigned {namespace}/{name} to {node}");
    let happening = Happening::normal("default-scheduler", "Scheduled", &message);
    event::record(state, &pod, happening, now);
    pod.spec.get_or_insert_default().node_name = Some(node);
    pod::set_condition(
        pod.status.get_or_insert_default(),
        "PodScheduled",
        true,
        now,
    );
    state.store.put(pod);
}

fn stop(state: &mut State, key: &Key, mut pod: Pod, now: Timestamp) {
    let happenings = pod::stop(&mut pod, now);
    if happenings.is_empty() {
        return remove(state, key);
    }
    record(state, &pod, &happenings, now);
    state.store.put(pod);
    let due = now + state.clock.scale(pod::STOP);
    state.queue.push(due, Work::PodEnd(key.clone()));
}

fn record(state: &mut State, pod: &Pod, happenings: &[pod::Happening], now: Timestamp) {
    for happening in happenings {
        event::record(state, pod, Happening::of_container(happening), now);
    }
}
