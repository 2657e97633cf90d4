//! The status of a StatefulSet: its pods by state and by revision.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSetStatus;
use k8s_openapi::api::core::v1::Pod;

use super::{Round, has_revision, name_of};
use crate::controller::pods::{self, count};
use crate::controller::status::some;
use crate::derived::history::hash_of_pod;
use crate::pod::ready_since;
use crate::state::State;

pub fn update(state: &mut State, mut round: Round, now: Timestamp) {
    let all = pods::owned(state, &round.set);
    pods::wait_for_available(state, &round.set, &all, now);
    let mut status = counted(state, &round, &all, now);
    complete(&round, &mut status);
    let current = status.current_revision.clone();
    round.history.truncate(state, &round.set, |revision| {
        let name = name_of(revision);
        current.as_deref() == Some(name) || all.iter().any(|pod| hash_of_pod(pod) == name)
    });
    round.set.status = Some(status);
    state.store.put(round.set);
}

fn counted(state: &State, round: &Round, all: &[Pod], now: Timestamp) -> StatefulSetStatus {
    let before = round.set.status.clone().unwrap_or_default();
    let number =
        |counts: &dyn Fn(&Pod) -> bool| count(all.iter().filter(|pod| counts(pod)).count());
    let of = |revision| number(&|pod| !pods::is_terminating(pod) && has_revision(pod, revision));
    StatefulSetStatus {
        observed_generation: round.set.metadata.generation,
        replicas: count(all.len()),
        ready_replicas: some(number(&|pod| ready_since(pod).is_some())),
        available_replicas: Some(number(&|pod| {
            pods::is_available(state, &round.set, pod, now)
        })),
        current_replicas: some(of(&round.current)),
        updated_replicas: some(of(&round.history.update)),
        current_revision: Some(name_of(&round.current).to_owned()),
        update_revision: Some(name_of(&round.history.update).to_owned()),
        collision_count: Some(before.collision_count.unwrap_or(0)),
        conditions: before.conditions,
    }
}

/// When all pods have the new template, its revision becomes the current one.
fn complete(round: &Round, status: &mut StatefulSetStatus) {
    let all = some(round.replicas());
    let is_complete = round.is_rolling()
        && some(status.replicas) == all
        && status.updated_replicas == all
        && status.ready_replicas == all;
    if is_complete {
        status.current_revision.clone_from(&status.update_revision);
        status.current_replicas = status.updated_replicas;
    }
}
