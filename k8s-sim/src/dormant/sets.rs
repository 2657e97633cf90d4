//! The revisions and pods of seeded StatefulSets and DaemonSets.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, StatefulSet};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::running;
use crate::derived::daemon::daemon_pod;
use crate::derived::ordinal::numbered_pod;
use crate::derived::workload::Versioned;
use crate::derived::{NODES, node_name};
use crate::seed::past;
use crate::state::State;
use crate::store::Key;

pub fn grow_stateful_set(state: &mut State, key: &Key, revision: u64) {
    let Some(set) = state.store.read::<StatefulSet>(key) else {
        return;
    };
    let mut grown = Grown::revisions_of(state, &set, key, revision);
    let replicas = set.spec.as_ref().and_then(|spec| spec.replicas);
    for ordinal in 0..replicas.unwrap_or(1) {
        let pod = numbered_pod(&set, &grown.latest, ordinal);
        let id = (&set.metadata.uid, ordinal);
        let pod = running(state, pod, &id, grown.since);
        state.store.insert_dormant(pod, grown.next_version());
    }
}

pub fn grow_daemon_set(state: &mut State, key: &Key, revision: u64) {
    let Some(set) = state.store.read::<DaemonSet>(key) else {
        return;
    };
    let mut grown = Grown::revisions_of(state, &set, key, revision);
    for number in 0..NODES {
        let id = (&set.metadata.uid, number);
        let name = format!("{}-{}", key.name, state.ids.suffix_of(&id));
        let pod = daemon_pod(&set, &grown.latest, &node_name(number), name);
        let pod = running(state, pod, &id, grown.since);
        state.store.insert_dormant(pod, grown.next_version());
    }
}

struct Grown {
    latest: ControllerRevision,
    /// When the latest revision was rolled out.
    since: Timestamp,
    version: u64,
}

impl Grown {
    fn revisions_of<T: Versioned>(state: &mut State, set: &T, key: &Key, version: u64) -> Self {
        let created = set.metadata().creation_timestamp.as_ref();
        let created = created.map_or(Timestamp::UNIX_EPOCH, |time| time.0);
        let mut grown = Self {
            latest: ControllerRevision::default(),
            since: created,
            version,
        };
        for mut revision in past::revisions(set) {
            grown.since = past::began(created, revision.revision);
            let id = ("revision", T::TYPE.name(), key, revision.revision);
            revision.metadata.uid = Some(state.ids.uid_of(&id));
            revision.metadata.creation_timestamp = Some(Time(grown.since));
            grown.latest = revision.clone();
            state.store.insert_dormant(revision, grown.next_version());
        }
        grown
    }

    fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version - 1
    }
}
