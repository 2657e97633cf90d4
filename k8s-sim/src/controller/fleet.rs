//! A deployment with its ReplicaSets, as the deployment controller sees them.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, ReplicaSet};

use super::event::{self, Happening};
use crate::derived::revision::{self, DESIRED};
use crate::state::State;

/// A deployment with the ReplicaSets that it owns.
pub struct Fleet {
    pub deployment: Deployment,
    /// The ReplicaSet of the current template.
    pub new: Option<ReplicaSet>,
    /// The others, oldest first.
    pub old: Vec<ReplicaSet>,
}

impl Fleet {
    pub fn read(state: &State, deployment: Deployment) -> Self {
        let uid = deployment.metadata.uid.as_deref().unwrap_or_default();
        let mut sets: Vec<ReplicaSet> = state.store.owned(uid);
        sets.sort_by_key(|set| {
            let created = set.metadata.creation_timestamp.as_ref().map(|time| time.0);
            (created, set.metadata.name.clone())
        });
        let new = sets
            .iter()
            .position(|set| revision::has_template_of(set, &deployment))
            .map(|at| sets.remove(at));
        Self {
            deployment,
            new,
            old: sets,
        }
    }

    pub fn spec(&self) -> &DeploymentSpec {
        self.deployment
            .spec
            .as_ref()
            .expect("a stored deployment has a spec")
    }

    pub fn replicas(&self) -> i32 {
        self.spec().replicas.unwrap_or(1)
    }

    pub fn sets(&self) -> impl Iterator<Item = &ReplicaSet> {
        self.old.iter().chain(&self.new)
    }

    pub fn sets_mut(&mut self) -> impl Iterator<Item = &mut ReplicaSet> {
        self.old.iter_mut().chain(&mut self.new)
    }

    pub fn is_paused(&self) -> bool {
        self.spec().paused == Some(true)
    }

    /// Whether `spec.replicas` has changed since the sets were last scaled.
    pub fn is_being_scaled(&self) -> bool {
        self.sets().filter(|set| wanted(set) > 0).any(|set| {
            let annotations = set.metadata.annotations.as_ref();
            let desired = annotations.and_then(|a| a.get(DESIRED)?.parse::<i32>().ok());
            desired.is_some_and(|desired| desired != self.replicas())
        })
    }
}

/// The desired replicas of a ReplicaSet.
pub fn wanted(set: &ReplicaSet) -> i32 {
    set.spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(0)
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

pub fn name_of(set: &ReplicaSet) -> &str {
    set.metadata.name.as_deref().unwrap_or_default()
}

pub fn record(state: &mut State, fleet: &Fleet, message: &str, now: Timestamp) {
    let happening = Happening::normal("deployment-controller", "ScalingReplicaSet", message);
    event::record(state, &fleet.deployment, happening, now);
}

/// Scales one set, and records an event if its size changes.
pub fn resize(state: &mut State, fleet: &mut Fleet, name: &str, size: i32, now: Timestamp) {
    let deployment = fleet.deployment.clone();
    let Some(set) = fleet.sets_mut().find(|set| name_of(set) == name) else {
        return;
    };
    let before = wanted(set);
    revision::annotate_size(
        set.metadata.annotations.get_or_insert_default(),
        &deployment,
    );
    if before != size {
        set.spec.get_or_insert_default().replicas = Some(size);
        set.metadata.generation = set.metadata.generation.map(|generation| generation + 1);
    }
    state.store.put(set.clone());
    if before != size {
        let direction = if size > before { "up" } else { "down" };
        let message = format!("Scaled {direction} replica set {name} from {before} to {size}");
        record(state, fleet, &message, now);
    }
}
