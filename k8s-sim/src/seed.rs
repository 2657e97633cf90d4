//! The initial objects of a cluster: namespaces, nodes and deployments that have been running for weeks. Their ReplicaSets and pods are
//! created on first access, so that a thousand idle clusters cost little.

mod names;
pub mod past;
mod programs;
mod sets;
mod template;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition, DeploymentStatus};
use k8s_openapi::api::core::v1::{Namespace, Node, NodeAddress, NodeCondition, NodeStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use crate::admission::Admit as _;
use crate::derived::{NODES, new_replica_set, node_name};
use crate::identity::choose;
use crate::kind::Kind;
use crate::state::State;
use crate::store::Key;

/// Nothing seeded is younger than a day.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// The demo's bad rollout began this long ago: past the progress deadline.
const BAD_ROLLOUT_AGE: Duration = Duration::from_secs(15 * 60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// All deployments are complete.
    Healthy,
    /// One deployment of each cluster hangs on an image that does not exist, and one is paused.
    Demo,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub namespaces: usize,
    pub deployments: usize,
    pub stateful_sets: usize,
    pub daemon_sets: usize,
    pub profile: Profile,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            namespaces: 3,
            deployments: 0,
            stateful_sets: 0,
            daemon_sets: 0,
            profile: Profile::Healthy,
        }
    }
}

pub fn plant(state: &mut State, plan: &Plan, seed: u64, cluster: &str) {
    let now = state.clock.now();
    let founded = now - 100 * DAY;
    let namespaces: Vec<String> = (0..plan.namespaces.max(1)).map(names::namespace).collect();
    for name in namespaces.iter().map(String::as_str).chain([sets::SYSTEM]) {
        plant_namespace(state, name, founded);
    }
    for number in 0..NODES {
        plant_node(state, number, founded);
    }
    // Weeks ago, never the same.
    let start_of = |namespace: &str, name: &str| {
        let hundredths = choose(&(seed, cluster, namespace, name), 9000);
        now - DAY - DAY.mul_f64(hundredths as f64 / 100.0)
    };
    let mut keys = Vec::new();
    for index in 0..plan.deployments {
        let namespace = &namespaces[index % namespaces.len()];
        let name = names::deployment(namespace, index / namespaces.len());
        let since = start_of(namespace, &name);
        keys.push(plant_deployment(state, namespace, &name, since));
    }
    for index in 0..plan.stateful_sets {
        let namespace = &namespaces[index % namespaces.len()];
        let set = sets::stateful_set(namespace, index / namespaces.len());
        let since = start_of(namespace, set.metadata.name.as_deref().unwrap_or_default());
        sets::plant_stateful_set(state, set, since);
    }
    for index in 0..plan.daemon_sets {
        let set = sets::daemon_set(index);
        let name = set.metadata.name.as_deref().unwrap_or_default();
        let since = start_of(sets::SYSTEM, name);
        sets::plant_daemon_set(state, set, since);
    }
    // As with a restarted server, changes before now cannot be watched.
    state.store.compact();
    state.queue.seen = state.store.revision();
    if plan.profile == Profile::Demo {
        trouble(state, &keys, now);
    }
}

fn plant_namespace(state: &mut State, name: &str, now: Timestamp) {
    let mut namespace = Namespace {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    namespace.fill_defaults();
    state.create(namespace, now);
}

fn plant_node(state: &mut State, number: usize, now: Timestamp) {
    let name = node_name(number);
    let node = Node {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            labels: Some([("kubernetes.io/hostname".to_owned(), name.clone())].into()),
            ..ObjectMeta::default()
        },
        spec: Some(Default::default()),
        status: Some(NodeStatus {
            addresses: Some(vec![NodeAddress {
                type_: "Hostname".to_owned(),
                address: name,
            }]),
            conditions: Some(vec![NodeCondition {
                type_: "Ready".to_owned(),
                status: "True".to_owned(),
                reason: Some("KubeletReady".to_owned()),
                last_transition_time: Some(Time(now)),
                ..NodeCondition::default()
            }]),
            ..NodeStatus::default()
        }),
    };
    state.create(node, now);
}

fn plant_deployment(state: &mut State, namespace: &str, name: &str, since: Timestamp) -> Key {
    let key = Key::new(namespace, name);
    let mut deployment = template::deployment(namespace, name);
    deployment.fill_defaults();
    let replicas = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1);
    let set = new_replica_set(&deployment, 1);
    let set = set.metadata.name.unwrap_or_default();
    deployment.status = Some(complete(replicas, &set, since));
    state.create(deployment, since);
    let first = state.store.reserve(1 + u64::from(replicas.unsigned_abs()));
    state.put_to_sleep(Kind::Deployment, key.clone(), first);
    key
}

fn complete(replicas: i32, set: &str, since: Timestamp) -> DeploymentStatus {
    let condition = |type_: &str, reason: &str, message: String| DeploymentCondition {
        type_: type_.to_owned(),
        status: "True".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_update_time: Some(Time(since)),
        last_transition_time: Some(Time(since)),
    };
    let available = "Deployment has minimum availability.".to_owned();
    let progressed = format!("ReplicaSet \"{set}\" has successfully progressed.");
    DeploymentStatus {
        observed_generation: Some(1),
        replicas: Some(replicas),
        updated_replicas: Some(replicas),
        ready_replicas: Some(replicas),
        available_replicas: Some(replicas),
        terminating_replicas: Some(0),
        conditions: Some(vec![
            condition("Available", "MinimumReplicasAvailable", available),
            condition("Progressing", "NewReplicaSetAvailable", progressed),
        ]),
        ..DeploymentStatus::default()
    }
}

/// Lets the demo's failures happen in the past, so that their traces (events, old pods) exist.
fn trouble(state: &mut State, keys: &[Key], now: Timestamp) {
    let [.., paused, bad] = keys else { return };
    let began = now - BAD_ROLLOUT_AGE;
    change(state, bad, |deployment| {
        let spec = deployment
            .spec
            .as_mut()
            .expect("seeded deployments have a spec");
        let pod = spec.template.spec.get_or_insert_default();
        let image = pod.containers[0].image.clone().unwrap_or_default();
        let repository = image
            .rsplit_once(':')
            .map_or(image.as_str(), |(name, _)| name);
        pod.containers[0].image = Some(format!("{repository}:does-not-exist"));
    });
    change(state, paused, |deployment| {
        let spec = deployment
            .spec
            .as_mut()
            .expect("seeded deployments have a spec");
        spec.paused = Some(true);
    });
    state.notice(began);
    state.step(now, usize::MAX);
}

fn change(state: &mut State, key: &Key, change: impl FnOnce(&mut Deployment)) {
    state.wake(Kind::Deployment, key);
    let deployment = state.store.read::<Deployment>(key);
    let mut deployment = deployment.expect("it was seeded a moment ago");
    change(&mut deployment);
    deployment.metadata.generation = deployment.metadata.generation.map(|g| g + 1);
    state.store.put(deployment);
}
