//! The two rollout strategies.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;

use super::fleet::{Fleet, available, name_of, resize, running, wanted};
use crate::derived::revision::revision_of;
use crate::derived::rolling::{max_surge, max_unavailable, rolling_parameters};
use crate::kind::Kind;
use crate::state::State;
use crate::store::Key;

pub fn is_rolling(fleet: &Fleet) -> bool {
    rolling_parameters(&fleet.deployment).is_some()
}

pub fn step(state: &mut State, fleet: &mut Fleet, now: Timestamp) {
    if is_rolling(fleet) {
        roll(state, fleet, now);
    } else {
        recreate(state, fleet, now);
    }
    if is_complete(fleet) {
        forget_old_sets(state, fleet);
    }
}

/// The number of pods that the new set may have now.
pub fn size_of_new(fleet: &Fleet) -> i32 {
    let own = fleet.new.as_ref().map_or(0, wanted);
    if !is_rolling(fleet) {
        let old_pods: i32 = fleet.old.iter().map(running).sum();
        return if old_pods > 0 { own } else { fleet.replicas() };
    }
    let allowed = fleet.replicas() + max_surge(&fleet.deployment);
    let total: i32 = fleet.sets().map(wanted).sum();
    if total >= allowed {
        return own;
    }
    own + (allowed - total).min(fleet.replicas() - own)
}

fn roll(state: &mut State, fleet: &mut Fleet, now: Timestamp) {
    let Some(new) = fleet.new.clone() else { return };
    let size = size_of_new(fleet).min(fleet.replicas());
    if size != wanted(&new) {
        return resize(state, fleet, name_of(&new), size, now);
    }
    let min_available = fleet.replicas() - max_unavailable(&fleet.deployment);
    let total: i32 = fleet.sets().map(wanted).sum();
    let new_unavailable = wanted(&new) - available(&new);
    let mut may_go = total - min_available - new_unavailable;
    // First unavailable pods, oldest first; then available ones, as far as the required availability allows.
    for set in fleet.old.clone() {
        let broken = wanted(&set) - available(&set);
        let go = broken.min(may_go).max(0);
        if go > 0 {
            resize(state, fleet, name_of(&set), wanted(&set) - go, now);
            may_go -= go;
        }
    }
    let serving: i32 = fleet
        .sets()
        .map(|set| available(set).min(wanted(set)))
        .sum();
    let mut spare = (serving - min_available).min(may_go);
    for set in fleet.old.clone() {
        let go = wanted(&set).min(spare).max(0);
        if go > 0 {
            resize(state, fleet, name_of(&set), wanted(&set) - go, now);
            spare -= go;
        }
    }
}

fn recreate(state: &mut State, fleet: &mut Fleet, now: Timestamp) {
    for set in fleet.old.clone() {
        resize(state, fleet, name_of(&set), 0, now);
    }
    let size = size_of_new(fleet);
    if let Some(new) = fleet.new.clone() {
        resize(state, fleet, name_of(&new), size, now);
    }
}

fn is_complete(fleet: &Fleet) -> bool {
    let old: i32 = fleet.old.iter().map(running).sum();
    old == 0 && fleet.new.as_ref().map(available) == Some(fleet.replicas())
}

/// Retains `spec.revisionHistoryLimit` old sets to roll back to.
fn forget_old_sets(state: &mut State, fleet: &mut Fleet) {
    let limit = fleet.spec().revision_history_limit.unwrap_or(10);
    let mut empty: Vec<ReplicaSet> = fleet
        .old
        .iter()
        .filter(|set| wanted(set) == 0 && running(set) == 0)
        .cloned()
        .collect();
    empty.sort_by_key(revision_of);
    let surplus = empty
        .len()
        .saturating_sub(usize::try_from(limit).unwrap_or(0));
    for set in &empty[..surplus] {
        state.store.remove(Kind::ReplicaSet, &Key::of(set));
        fleet.old.retain(|old| name_of(old) != name_of(set));
    }
}
