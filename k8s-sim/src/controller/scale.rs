//! Sizing ReplicaSets outside of a rollout: a paused deployment, or one whose `spec.replicas` was changed.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;

use super::fleet::{Fleet, name_of, resize, wanted};
use super::rollout;
use crate::derived::revision;
use crate::derived::rolling::max_surge;
use crate::state::State;

/// Brings the sets to the deployment's size without starting or finishing a rollout.
pub fn follow(state: &mut State, fleet: &mut Fleet, now: Timestamp) {
    let active: Vec<String> = fleet
        .sets()
        .filter(|set| wanted(set) > 0)
        .map(name)
        .collect();
    let replicas = fleet.replicas();
    match active.as_slice() {
        [] => {
            let newest = fleet.sets().max_by_key(|set| revision::revision_of(set));
            if let Some(newest) = newest.map(name) {
                resize(state, fleet, &newest, replicas, now);
            }
        }
        [only] => resize(state, fleet, only, replicas, now),
        _ if new_set_is_saturated(fleet) => {
            for old in fleet.old.iter().map(name).collect::<Vec<_>>() {
                resize(state, fleet, &old, 0, now);
            }
        }
        _ if rollout::is_rolling(fleet) => share(state, fleet, now),
        _ => {}
    }
}

fn new_set_is_saturated(fleet: &Fleet) -> bool {
    fleet.new.as_ref().is_some_and(|set| {
        let available = set.status.as_ref().and_then(|s| s.available_replicas);
        wanted(set) == fleet.replicas() && available == Some(fleet.replicas())
    })
}

/// In the middle of a rollout each set gets its share of the new size; the largest one gets the rounding remainder.
fn share(state: &mut State, fleet: &mut Fleet, now: Timestamp) {
    let total: i32 = fleet.sets().map(wanted).sum();
    let allowed = match fleet.replicas() {
        0 => 0,
        replicas => replicas + max_surge(&fleet.deployment),
    };
    let to_add = allowed - total;
    let mut sets: Vec<(String, i32, i32)> = fleet
        .sets()
        .filter(|set| wanted(set) > 0)
        .map(|set| {
            (
                name(set),
                wanted(set),
                revision::max_annotated(set).unwrap_or(total),
            )
        })
        .collect();
    sets.sort_by_key(|(_, size, _)| std::cmp::Reverse(*size));
    let mut left = to_add;
    for (_, size, max) in &mut sets {
        let grown = f64::from(*size) * f64::from(allowed) / f64::from((*max).max(1));
        #[expect(
            clippy::cast_possible_truncation,
            reason = "replica counts are far below 2^31"
        )]
        let share = grown.round() as i32 - *size;
        let share = if to_add > 0 {
            share.clamp(0, left)
        } else {
            share.clamp(left, 0)
        };
        *size += share;
        left -= share;
    }
    if let Some((_, size, _)) = sets.first_mut() {
        *size = (*size + left).max(0);
    }
    for (name, size, _) in sets {
        resize(state, fleet, &name, size, now);
    }
}

fn name(set: &ReplicaSet) -> String {
    name_of(set).to_owned()
}
