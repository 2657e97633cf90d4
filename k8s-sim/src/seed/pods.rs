//! The ReplicaSet and the pods of a seeded deployment, as they have been since its start.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetStatus};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::controller;
use crate::identity::choose;
use crate::pod;
use crate::state::State;
use crate::store::Key;

pub fn grow(state: &mut State, key: &Key, mut revision: u64) {
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
    let mut set = controller::new_replica_set(&deployment, 1);
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
        state.store.place_unseen(pod, revision);
    }
    state
        .store
        .place_unseen(set, revision - u64::from(replicas.unsigned_abs()));
}

fn seeded_pod(state: &State, set: &ReplicaSet, number: i32, since: Timestamp) -> Pod {
    let name = set.metadata.name.as_deref().unwrap_or_default();
    let id = (&set.metadata.uid, number);
    let mut pod = controller::pod_of(set, format!("{name}-{}", state.ids.suffix_of(&id)));
    pod.metadata.uid = Some(state.ids.uid_of(&id));
    pod.metadata.creation_timestamp = Some(Time(since));
    pod.metadata.generation = Some(1);
    let node = controller::node_name(choose(&id, controller::NODES));
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
