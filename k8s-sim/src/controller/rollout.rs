//! The two strategies by which new pods replace old ones.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, RollingUpdateDeployment};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::deployment::{Fleet, name_of, wanted};
use super::scale::resize;
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

/// How many pods the new set may have now.
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
    // First those that serve nobody, oldest first; then serving ones, as far as the availability allows.
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

/// Keeps `spec.revisionHistoryLimit` old sets to roll back to.
fn forget_old_sets(state: &mut State, fleet: &mut Fleet) {
    let keep = fleet.spec().revision_history_limit.unwrap_or(10);
    let mut empty: Vec<ReplicaSet> = fleet
        .old
        .iter()
        .filter(|set| wanted(set) == 0 && running(set) == 0)
        .cloned()
        .collect();
    empty.sort_by_key(super::revision::revision_of);
    let surplus = empty
        .len()
        .saturating_sub(usize::try_from(keep).unwrap_or(0));
    for set in &empty[..surplus] {
        state.store.remove(Kind::ReplicaSet, &Key::of(set));
        fleet.old.retain(|old| name_of(old) != name_of(set));
    }
}

pub fn running(set: &ReplicaSet) -> i32 {
    set.status.as_ref().map_or(0, |status| status.replicas)
}

pub fn available(set: &ReplicaSet) -> i32 {
    let status = set.status.as_ref();
    status
        .and_then(|status| status.available_replicas)
        .unwrap_or(0)
}

pub fn max_surge(deployment: &Deployment) -> i32 {
    let rolling = rolling_parameters(deployment);
    rolling.map_or(0, |rolling| {
        part(rolling.max_surge.as_ref(), size(deployment), f64::ceil)
    })
}

pub fn max_unavailable(deployment: &Deployment) -> i32 {
    let replicas = size(deployment);
    let Some(rolling) = rolling_parameters(deployment) else {
        return 0;
    };
    let unavailable = part(rolling.max_unavailable.as_ref(), replicas, f64::floor);
    // With neither a spare nor a missing pod allowed nothing could ever move.
    let unavailable = match (unavailable, max_surge(deployment)) {
        (0, 0) => 1,
        (unavailable, _) => unavailable,
    };
    unavailable.min(replicas)
}

fn size(deployment: &Deployment) -> i32 {
    deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1)
}

fn rolling_parameters(deployment: &Deployment) -> Option<RollingUpdateDeployment> {
    let strategy = deployment
        .spec
        .as_ref()?
        .strategy
        .clone()
        .unwrap_or_default();
    match strategy.type_.as_deref() {
        Some("Recreate") => None,
        _ => Some(strategy.rolling_update.unwrap_or_default()),
    }
}

fn part(amount: Option<&IntOrString>, of: i32, round: fn(f64) -> f64) -> i32 {
    match amount {
        Some(IntOrString::Int(count)) => *count,
        Some(IntOrString::String(text)) => {
            let percent: f64 = text.trim_end_matches('%').parse().unwrap_or(25.0);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "replica counts are far below 2^31"
            )]
            let count = round(f64::from(of) * percent / 100.0) as i32;
            count
        }
        None => part(Some(&IntOrString::String("25%".to_owned())), of, round),
    }
}
