//! The StatefulSets and DaemonSets that a cluster has from the start.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{
    DaemonSet, DaemonSetSpec, DaemonSetStatus, StatefulSet, StatefulSetSpec, StatefulSetStatus,
};
use k8s_openapi::api::core::v1::{Container, ContainerPort, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::past;
use super::programs::{DAEMONS, Program, STATEFUL};
use crate::admission::{Admit as _, TEMPLATE_GENERATION};
use crate::derived::NODES;
use crate::derived::workload::Versioned;
use crate::identity::choose;
use crate::state::State;
use crate::store::Key;

/// The namespace of the seeded DaemonSets.
pub const SYSTEM: &str = "kube-system";

/// The namespace's StatefulSet with this index.
pub fn stateful_set(namespace: &str, index: usize) -> StatefulSet {
    // A different order in each namespace, or all of them would begin with the same program.
    let turn = choose(&("stateful", namespace), STATEFUL.len());
    let (program, name) = numbered(&STATEFUL, turn, index);
    let replicas = 1 + choose(&("replicas", namespace, &name), 3);
    let mut set = StatefulSet {
        metadata: meta(namespace, &name),
        spec: Some(StatefulSetSpec {
            replicas: i32::try_from(replicas).ok(),
            selector: selector(&name),
            service_name: Some(format!("{name}-headless")),
            template: template(program, &name),
            ..StatefulSetSpec::default()
        }),
        status: None,
    };
    set.fill_defaults();
    set
}

pub fn daemon_set(index: usize) -> DaemonSet {
    let (program, name) = numbered(&DAEMONS, 0, index);
    let mut set = DaemonSet {
        metadata: meta(SYSTEM, &name),
        spec: Some(DaemonSetSpec {
            selector: selector(&name),
            template: template(program, &name),
            ..DaemonSetSpec::default()
        }),
        status: None,
    };
    set.fill_defaults();
    set
}

pub fn plant_stateful_set(state: &mut State, mut set: StatefulSet, since: Timestamp) {
    let replicas = set.spec.as_ref().and_then(|spec| spec.replicas);
    let replicas = replicas.unwrap_or(1);
    let revisions = past::revisions(&set);
    let latest = revisions
        .last()
        .and_then(|latest| latest.metadata.name.clone());
    set.status = Some(StatefulSetStatus {
        replicas,
        ready_replicas: Some(replicas),
        available_replicas: Some(replicas),
        current_replicas: Some(replicas),
        updated_replicas: Some(replicas),
        current_revision: latest.clone(),
        update_revision: latest,
        observed_generation: i64::try_from(revisions.len()).ok(),
        collision_count: Some(0),
        conditions: None,
    });
    plant(state, set, revisions.len(), replicas, since);
}

pub fn plant_daemon_set(state: &mut State, mut set: DaemonSet, since: Timestamp) {
    let nodes = i32::try_from(NODES).unwrap_or(i32::MAX);
    let revisions = past::revisions(&set).len();
    let annotations = set.metadata.annotations.get_or_insert_default();
    annotations.insert(TEMPLATE_GENERATION.to_owned(), revisions.to_string());
    set.status = Some(DaemonSetStatus {
        desired_number_scheduled: nodes,
        current_number_scheduled: nodes,
        updated_number_scheduled: Some(nodes),
        number_ready: nodes,
        number_available: Some(nodes),
        observed_generation: i64::try_from(revisions).ok(),
        ..DaemonSetStatus::default()
    });
    plant(state, set, revisions, nodes, since);
}

/// Stores the set as if each of its revisions had been a change of its spec, and reserves versions for revisions and pods.
fn plant<T: Versioned>(state: &mut State, set: T, revisions: usize, pods: i32, since: Timestamp) {
    let key = Key::of(&set);
    let generation = i64::try_from(revisions).ok();
    state.create_at_generation(set, generation, since);
    let dependents = revisions as u64 + u64::from(pods.unsigned_abs());
    let first = state.store.reserve(dependents);
    state.put_to_sleep(T::TYPE, key, first);
}

fn numbered(programs: &'static [Program], turn: usize, index: usize) -> (&'static Program, String) {
    let program = &programs[(index + turn) % programs.len()];
    let name = match index / programs.len() {
        0 => program.name.to_owned(),
        more => format!("{}-{}", program.name, more + 1),
    };
    (program, name)
}

fn meta(namespace: &str, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: selector(name).match_labels,
        ..ObjectMeta::default()
    }
}

fn selector(name: &str) -> LabelSelector {
    LabelSelector {
        match_labels: Some([("app".to_owned(), name.to_owned())].into()),
        match_expressions: None,
    }
}

fn template(program: &Program, name: &str) -> PodTemplateSpec {
    let container = Container {
        name: program.name.to_owned(),
        image: Some(program.image()),
        ports: Some(vec![ContainerPort {
            container_port: program.port,
            ..ContainerPort::default()
        }]),
        ..Container::default()
    };
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: selector(name).match_labels,
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            containers: vec![container],
            ..PodSpec::default()
        }),
    }
}
