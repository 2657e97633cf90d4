//! The status of a DaemonSet: its nodes by the state of their pods.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetStatus};
use k8s_openapi::api::core::v1::Pod;

use super::Round;
use crate::controller::pods::{self, count};
use crate::controller::status::some;
use crate::derived::history::{hash_of, hash_of_pod};
use crate::pod::ready_since;
use crate::state::State;

pub fn update(state: &mut State, round: Round, now: Timestamp) {
    let all = pods::owned(state, &round.set);
    pods::wait_for_available(state, &round.set, &all, now);
    round.history.truncate(state, &round.set, |revision| {
        let hash = hash_of::<DaemonSet>(revision);
        all.iter().any(|pod| hash_of_pod(pod) == hash)
    });
    // Counted again, since this step has created and deleted pods.
    let mut round = Round::read(state, round.set, round.history);
    round.set.status = Some(counted(state, &round, now));
    state.store.put(round.set);
}

fn counted(state: &State, round: &Round, now: Timestamp) -> DaemonSetStatus {
    let before = round.set.status.clone().unwrap_or_default();
    let nodes_where = |counts: &dyn Fn(&Pod) -> bool| {
        let mut number = 0;
        for node in &round.nodes {
            let pod = round.on(node).iter().find(|pod| pods::is_active(pod));
            number += i32::from(pod.is_some_and(counts));
        }
        number
    };
    let desired = count(round.nodes.len());
    let has_pod = |node: &&String| !round.on(node).is_empty();
    let elsewhere = round
        .pods
        .keys()
        .filter(|node| !round.nodes.contains(*node));
    let available = nodes_where(&|pod| pods::is_available(state, &round.set, pod, now));
    DaemonSetStatus {
        observed_generation: round.set.metadata.generation,
        desired_number_scheduled: desired,
        current_number_scheduled: count(round.nodes.iter().filter(has_pod).count()),
        number_misscheduled: count(elsewhere.count()),
        number_ready: nodes_where(&|pod| ready_since(pod).is_some()),
        number_available: some(available),
        number_unavailable: some(desired - available),
        updated_number_scheduled: some(nodes_where(&|pod| round.is_updated(pod))),
        collision_count: before.collision_count,
        conditions: before.conditions,
    }
}
