//! Seeded deployments whose ReplicaSet and pods are created on first access, in the state that they would have had since the
//! deployment's start.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetStatus};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::derived::{HASH, NODES, new_replica_set, node_name, pod_of};
use crate::identity::choose;
use crate::kind::Kind;
use crate::pod;
use crate::selector::Labels;
use crate::state::State;
use crate::store::Key;

impl State {
    pub fn put_to_sleep(&mut self, deployment: Key, revision: u64) {
        self.dormant.insert(deployment, revision);
    }

    /// Creates the ReplicaSet and the pods of a seeded deployment, as if they had always existed.
    pub fn wake(&mut self, deployment: &Key) {
        if let Some(revision) = self.dormant.remove(deployment) {
            grow(self, deployment, revision);
        }
    }

    /// The same for the objects that must exist before one object is read or changed.
    pub fn wake_named(&mut self, kind: Kind, key: &Key) {
        match kind {
            Kind::Deployment => self.wake(key),
            Kind::ReplicaSet | Kind::Pod => {
                let is_owner = |owner: &Key| {
                    owner.namespace == key.namespace && key.name.starts_with(&*owner.name)
                };
                self.wake_where(is_owner);
            }
            _ => {}
        }
    }

    /// The same for what a list of `kind` may show. Seeded pods have the labels of their deployment.
    pub fn wake_selected(&mut self, kind: Kind, namespace: Option<&str>, labels: &Labels) {
        if !matches!(kind, Kind::Pod | Kind::ReplicaSet) || self.dormant.is_empty() {
            return;
        }
        let labels = labels.without(HASH);
        let store = &self.store;
        let mut found = Vec::new();
        for key in self.dormant.keys() {
            let here = namespace.is_none_or(|namespace| namespace == &*key.namespace);
            let deployment = store.get(Kind::Deployment, key);
            if here && deployment.is_some_and(|deployment| labels.matches(deployment)) {
                found.push(key.clone());
            }
        }
        for key in found {
            self.wake(&key);
        }
    }

    fn wake_where(&mut self, is_meant: impl Fn(&Key) -> bool) {
        let meant: Vec<Key> = self
            .dormant
            .keys()
            .filter(|key| is_meant(key))
            .cloned()
            .collect();
        for key in meant {
            self.wake(&key);
        }
    }
}

fn grow(state: &mut State, key: &Key, mut revision: u64) {
    let deployment = state.store.read::<Deployment>(key);
    let Some(deployment) = deployment.filter(|d| d.metadata.creation_timestamp.is_some()) else {
        return;
    };
    let created = deployment.metadata.creation_timestamp.clone();
    let since = created
        .as_ref()
        .map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    let replicas = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1);
    let mut set = new_replica_set(&deployment, 1);
    set.metadata.uid = Some(state.ids.uid_of(&("replica set", key)));
    set.metadata.creation_timestamp = created;
    set.metadata.generation = Some(1);
    set.spec.get_or_insert_default().replicas = Some(replicas);
    set.status = Some(ReplicaSetStatus {
        replicas,
        fully_labeled_replicas: Some(replicas),
        ready_replicas: Some(replicas),
        available_replicas: Some(replicas),
        terminating_replicas: Some(0),
        observed_generation: Some(1),
        conditions: None,
    });
    for number in 0..replicas {
        revision += 1;
        let pod = seeded_pod(state, &set, number, since);
        state.store.insert_dormant(pod, revision);
    }
    state
        .store
        .insert_dormant(set, revision - u64::from(replicas.unsigned_abs()));
}

fn seeded_pod(state: &State, set: &ReplicaSet, number: i32, since: Timestamp) -> Pod {
    let name = set.metadata.name.as_deref().unwrap_or_default();
    let id = (&set.metadata.uid, number);
    let mut pod = pod_of(set, format!("{name}-{}", state.ids.suffix_of(&id)));
    pod.metadata.uid = Some(state.ids.uid_of(&id));
    pod.metadata.creation_timestamp = Some(Time(since));
    pod.metadata.generation = Some(1);
    let node = node_name(choose(&id, NODES));
    pod.spec.get_or_insert_default().node_name = Some(node);
    let mut status = pod::ready_status(&pod, since);
    // One in eight has been restarted once: then there is a previous log.
    if choose(&(&id, "restarted"), 8) == 0
        && let Some(container) = status
            .container_statuses
            .as_mut()
            .and_then(|all| all.first_mut())
    {
        let ended = since + Duration::from_secs(3600);
        container.last_state = Some(crashed(container.container_id.clone(), since, ended));
        container.restart_count = 1;
        container.container_id = Some(pod::container_id(&pod, container));
        if let Some(running) = container.state.as_mut().and_then(|s| s.running.as_mut()) {
            running.started_at = Some(Time(ended));
        }
    }
    pod.status = Some(status);
    pod
}

fn crashed(id: Option<String>, started: Timestamp, ended: Timestamp) -> ContainerState {
    ContainerState {
        terminated: Some(ContainerStateTerminated {
            container_id: id,
            exit_code: 137,
            reason: Some("OOMKilled".to_owned()),
            started_at: Some(Time(started)),
            finished_at: Some(Time(ended)),
            ..ContainerStateTerminated::default()
        }),
        ..ContainerState::default()
    }
}
