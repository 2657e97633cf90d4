//! The deployment controller: reads a deployment and its ReplicaSets, and takes one step.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};

use super::fleet::{Fleet, name_of, record};
use super::{conditions, rollout, scale, status};
use crate::derived::revision::{self, REVISION};
use crate::kind::Kind;
use crate::state::State;
use crate::store::Key;

pub fn reconcile(state: &mut State, key: &Key, now: Timestamp) {
    state.wake(Kind::Deployment, key);
    let Some(deployment) = state.store.read::<Deployment>(key) else {
        return;
    };
    let deleted = deployment.metadata.deletion_timestamp.is_some();
    let mut fleet = Fleet::read(state, deployment);
    if !deleted {
        note_pause(&mut fleet, now);
        if fleet.is_paused() || fleet.is_being_scaled() {
            number_new_set(state, &mut fleet, now);
            scale::follow(state, &mut fleet, now);
            status::update(&mut fleet, now);
        } else {
            ensure_new_set(state, &mut fleet, now);
            rollout::step(state, &mut fleet, now);
            status::progress(state, &mut fleet, now);
        }
    } else {
        status::update(&mut fleet, now);
    }
    state.store.put(fleet.deployment);
}

fn note_pause(fleet: &mut Fleet, now: Timestamp) {
    if fleet.spec().progress_deadline_seconds.is_none() {
        return;
    }
    let paused = fleet.is_paused();
    let status = fleet.deployment.status.get_or_insert_default();
    let progressing = conditions::PROGRESSING;
    if conditions::has_reason(status, progressing, conditions::DEADLINE_EXCEEDED) {
        return;
    }
    let noted = conditions::has_reason(status, progressing, conditions::PAUSED);
    let (reason, message) = match (paused, noted) {
        (true, false) => (conditions::PAUSED, "Deployment is paused"),
        (false, true) => (conditions::RESUMED, "Deployment is resumed"),
        _ => return,
    };
    conditions::set(
        status,
        (progressing, "Unknown", reason),
        message.to_owned(),
        now,
    );
}

/// Sets the newest revision on the ReplicaSet of the current template and on the deployment.
fn number_new_set(state: &mut State, fleet: &mut Fleet, now: Timestamp) {
    let revision = 1 + fleet
        .old
        .iter()
        .map(revision::revision_of)
        .max()
        .unwrap_or(0);
    let Some(set) = &mut fleet.new else { return };
    revision::annotate(set, &fleet.deployment, revision);
    if let Some(spec) = &mut set.spec {
        spec.min_ready_seconds = fleet
            .deployment
            .spec
            .as_ref()
            .and_then(|s| s.min_ready_seconds);
    }
    state.store.put(set.clone());
    let number = revision::revision_of(set).to_string();
    let message = format!("Found new replica set \"{}\"", name_of(set));
    let annotations = fleet
        .deployment
        .metadata
        .annotations
        .get_or_insert_default();
    annotations.insert(REVISION.to_owned(), number);
    let status = fleet.deployment.status.get_or_insert_default();
    if conditions::find(status, conditions::PROGRESSING).is_none() {
        let found = (conditions::PROGRESSING, "True", "FoundNewReplicaSet");
        conditions::set(status, found, message, now);
    }
}

fn ensure_new_set(state: &mut State, fleet: &mut Fleet, now: Timestamp) {
    if fleet.new.is_some() {
        return number_new_set(state, fleet, now);
    }
    let revision = 1 + fleet
        .old
        .iter()
        .map(revision::revision_of)
        .max()
        .unwrap_or(0);
    let mut set = revision::new_replica_set(&fleet.deployment, revision);
    fleet.new = Some(set.clone());
    let size = rollout::size_of_new(fleet);
    set.spec.get_or_insert_default().replicas = Some(size);
    let set: ReplicaSet = state.create(set, now).decode();
    let name = name_of(&set).to_owned();
    fleet.new = Some(set);
    if size > 0 {
        let message = format!("Scaled up replica set {name} from 0 to {size}");
        record(state, fleet, &message, now);
    }
    let annotations = fleet
        .deployment
        .metadata
        .annotations
        .get_or_insert_default();
    annotations.insert(REVISION.to_owned(), revision.to_string());
    if fleet.spec().progress_deadline_seconds.is_some() {
        let status = fleet.deployment.status.get_or_insert_default();
        let created = (conditions::PROGRESSING, "True", "NewReplicaSetCreated");
        let message = format!("Created new replica set \"{name}\"");
        conditions::renew(status, created, message, now);
    }
}
