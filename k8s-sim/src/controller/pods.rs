//! The pods of a workload: which there are, which of them serve, creating and deleting them.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};

use super::event::{self, Happening};
use super::garbage;
use crate::derived::workload::Workload;
use crate::pod::ready_since;
use crate::queue::Work;
use crate::state::State;
use crate::store::Key;

/// All pods of the workload, terminating ones too.
pub fn owned<T: Workload>(state: &State, owner: &T) -> Vec<Pod> {
    state
        .store
        .owned(owner.metadata().uid.as_deref().unwrap_or_default())
}

pub fn is_terminating(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// Whether the pod has ended by itself.
pub fn is_over(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

pub fn is_active(pod: &Pod) -> bool {
    !is_terminating(pod) && !is_over(pod)
}

/// When the pod is or becomes available; `None` if it is not ready.
pub fn available_from<T: Workload>(state: &State, owner: &T, pod: &Pod) -> Option<Timestamp> {
    let settle = state.clock.scale(owner.min_ready());
    ready_since(pod).map(|since| since + settle)
}

pub fn is_available<T: Workload>(state: &State, owner: &T, pod: &Pod, now: Timestamp) -> bool {
    available_from(state, owner, pod).is_some_and(|from| from <= now)
}

/// Reconciles the workload again when the next of these ready pods becomes available.
pub fn wait_for_available<T: Workload>(state: &mut State, owner: &T, pods: &[Pod], now: Timestamp) {
    let waits = pods
        .iter()
        .filter_map(|pod| available_from(state, owner, pod))
        .filter(|from| *from > now);
    if let Some(next) = waits.min() {
        let work = Work::Reconcile(T::TYPE, Key::of(owner));
        state.queue.push(next, work);
    }
}

pub fn create<T: Workload>(state: &mut State, owner: &T, mut pod: Pod, now: Timestamp) {
    pod.status = Some(PodStatus {
        phase: Some("Pending".to_owned()),
        qos_class: Some("BestEffort".to_owned()),
        ..PodStatus::default()
    });
    let pod: Pod = state.create(pod, now).decode();
    let message = owner.says_created(pod.metadata.name.as_deref().unwrap_or_default());
    let happening = Happening::normal(T::CONTROLLER, "SuccessfulCreate", &message);
    event::record(state, owner, happening, now);
}

pub fn end<T: Workload>(state: &mut State, owner: &T, pod: &Pod, now: Timestamp) {
    let spec = pod.spec.as_ref();
    let grace = spec.and_then(|spec| spec.termination_grace_period_seconds);
    garbage::end_pod(state, &Key::of(pod), grace.unwrap_or(30), now);
    let message = owner.says_deleted(pod.metadata.name.as_deref().unwrap_or_default());
    let happening = Happening::normal(T::CONTROLLER, "SuccessfulDelete", &message);
    event::record(state, owner, happening, now);
}

pub fn count(pods: usize) -> i32 {
    i32::try_from(pods).unwrap_or(i32::MAX)
}
