//! Seeded workloads whose pods, and what stands between, are created on first access, in the state that they would have had since the
//! workload's start.

mod sets;

use std::hash::Hash;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetStatus};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::derived::daemon::node_of;
use crate::derived::ordinal::OWN_LABELS;
use crate::derived::workload::Workload as _;
use crate::derived::{HASH, NODES, new_replica_set, node_name, pod_of};
use crate::identity::choose;
use crate::kind::Kind;
use crate::pod;
use crate::selector::Labels;
use crate::state::State;
use crate::store::Key;

impl State {
    pub fn put_to_sleep(&mut self, kind: Kind, key: Key, revision: u64) {
        self.dormant.insert((kind, key), revision);
    }

    /// Creates the dependents of a seeded workload, as if they had always existed.
    pub fn wake(&mut self, kind: Kind, key: &Key) {
        let Some(revision) = self.dormant.remove(&(kind, key.clone())) else {
            return;
        };
        match kind {
            Kind::Deployment => grow(self, key, revision),
            Kind::StatefulSet => sets::grow_stateful_set(self, key, revision),
            Kind::DaemonSet => sets::grow_daemon_set(self, key, revision),
            _ => {}
        }
    }

    /// The same for the objects that must exist before one object is read or changed.
    pub fn wake_named(&mut self, kind: Kind, key: &Key) {
        if kind.is_workload() {
            self.wake(kind, key);
        }
        if is_dependent(kind) {
            self.wake_where(|_, owner| {
                owner.namespace == key.namespace && key.name.starts_with(&*owner.name)
            });
        }
    }

    /// The same for what a list of `kind` may show. Seeded dependents have the labels of their workload.
    pub fn wake_selected(&mut self, kind: Kind, namespace: Option<&str>, labels: &Labels) {
        if !is_dependent(kind) || self.dormant.is_empty() {
            return;
        }
        let labels = labels.without(HASH);
        let labels = OWN_LABELS
            .iter()
            .fold(labels, |rest, own| rest.without(own));
        let store = &self.store;
        let mut found = Vec::new();
        for (owner, key) in self.dormant.keys() {
            let here = namespace.is_none_or(|namespace| namespace == &*key.namespace);
            let workload = store.get(*owner, key);
            if here && workload.is_some_and(|workload| labels.matches(workload)) {
                found.push((*owner, key.clone()));
            }
        }
        for (owner, key) in found {
            self.wake(owner, &key);
        }
    }

    fn wake_where(&mut self, is_meant: impl Fn(Kind, &Key) -> bool) {
        let meant: Vec<(Kind, Key)> = self
            .dormant
            .keys()
            .filter(|(kind, key)| is_meant(*kind, key))
            .cloned()
            .collect();
        for (kind, key) in meant {
            self.wake(kind, &key);
        }
    }
}

/// Whether workloads have objects of this kind.
fn is_dependent(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::ReplicaSet | Kind::ControllerRevision | Kind::Pod
    )
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
        let pod = pod_of_set(state, &set, number, since);
        state.store.insert_dormant(pod, revision);
    }
    state
        .store
        .insert_dormant(set, revision - u64::from(replicas.unsigned_abs()));
}

fn pod_of_set(state: &State, set: &ReplicaSet, number: i32, since: Timestamp) -> Pod {
    let name = set.metadata.name.as_deref().unwrap_or_default();
    let id = (&set.metadata.uid, number);
    let template = set.template().cloned().unwrap_or_default();
    let name = format!("{name}-{}", state.ids.suffix_of(&id));
    running(state, pod_of(set, &template, name), &id, since)
}

/// The pod as it is after it has run since `since`; `id` determines what is random.
fn running(state: &State, mut pod: Pod, id: &impl Hash, since: Timestamp) -> Pod {
    pod.metadata.uid = Some(state.ids.uid_of(id));
    pod.metadata.creation_timestamp = Some(Time(since));
    pod.metadata.generation = Some(1);
    let node = node_of(&pod).map(str::to_owned);
    let node = node.unwrap_or_else(|| node_name(choose(id, NODES)));
    pod.spec.get_or_insert_default().node_name = Some(node);
    let mut status = pod::ready_status(&pod, since);
    // One in eight has been restarted once: then there is a previous log.
    if choose(&(id, "restarted"), 8) == 0
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
