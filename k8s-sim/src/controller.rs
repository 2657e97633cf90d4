//! What kube-controller-manager, kube-scheduler and the kubelets do: Deployment → ReplicaSet → Pod, each step a moment
//! after what caused it. Each controller looks at the objects as they are and takes one step; its writes wake the next.

mod conditions;
mod deployment;
pub mod event;
mod garbage;
mod node;
mod queue;
mod replica_set;
mod revision;
mod rollout;
mod scale;
mod status;

use std::time::Duration;

use jiff::Timestamp;

use crate::kind::Kind;
use crate::state::State;
use crate::store::{Change, ChangeKind};
pub use garbage::{end_namespace, end_pod};
pub use node::{NODES, node_name};
pub use queue::{Queue, Work};
pub use replica_set::pod_of;
pub use revision::{HASH, REVISION, new_replica_set};

/// How long a controller takes to notice a change; a deployment's `observedGeneration` lags by this.
const NOTICE: Duration = Duration::from_millis(100);

pub fn perform(state: &mut State, work: &Work, now: Timestamp) {
    match work {
        Work::Deployment(key) => deployment::reconcile(state, key, now),
        Work::ReplicaSet(key) => replica_set::reconcile(state, key, now),
        Work::Pod(key) => node::advance(state, key, now),
        Work::PodEnd(key) => node::remove(state, key),
        Work::Namespace(name) => garbage::empty_namespace(state, name, now),
        Work::Orphans(uid) => garbage::remove_orphans(state, uid, now),
        Work::Events => event::forget_old(state, now),
    }
}

/// Queues the work that the latest changes call for.
pub fn notice(state: &mut State, now: Timestamp) {
    let seen = state.queue.seen;
    let Some(changes) = state.store.journal().after(seen) else {
        // Compacted: the changes of that moment were noticed when they were made.
        state.queue.seen = state.store.revision();
        return;
    };
    let due = now + state.clock.pace(NOTICE);
    let mut noticed = Vec::new();
    for change in changes {
        noticed.extend(work_for(change).into_iter().map(|work| (due, work)));
    }
    for (due, work) in noticed {
        state.queue.push(due, work);
    }
    state.queue.seen = state.store.revision();
}

fn work_for(change: &Change) -> Vec<Work> {
    let object = &change.object;
    let key = object.key.clone();
    let deleted = change.kind == ChangeKind::Deleted;
    let mut work = match object.kind {
        Kind::Deployment if !deleted => vec![Work::Deployment(key)],
        Kind::ReplicaSet if !deleted => vec![Work::ReplicaSet(key)],
        Kind::Pod if change.kind == ChangeKind::Added => vec![Work::Pod(key)],
        Kind::Namespace if !deleted => vec![Work::Namespace(key.name)],
        Kind::Event if change.kind == ChangeKind::Added => vec![Work::Events],
        _ => Vec::new(),
    };
    if let Some(owner) = object.owner_key() {
        match object.kind {
            Kind::ReplicaSet => work.push(Work::Deployment(owner)),
            Kind::Pod => work.push(Work::ReplicaSet(owner)),
            _ => {}
        }
    }
    if deleted && matches!(object.kind, Kind::Deployment | Kind::ReplicaSet) {
        let meta = object.value();
        let uid = meta["metadata"]["uid"].as_str().unwrap_or_default();
        work.push(Work::Orphans(uid.into()));
    }
    work
}
