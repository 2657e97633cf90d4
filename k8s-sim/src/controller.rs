//! What kube-controller-manager, kube-scheduler and the kubelets do: Deployment → ReplicaSet → Pod, StatefulSet → Pod, DaemonSet → Pod,
//! each step shortly after its cause.
//! Each controller reads the current objects and takes one step; its writes trigger the next.

mod conditions;
mod daemon_set;
mod deployment;
pub mod event;
mod fleet;
mod garbage;
mod history;
mod node;
mod pods;
mod replica_set;
mod rollout;
mod scale;
mod stateful_set;
mod status;

use std::time::Duration;

use jiff::Timestamp;

use crate::kind::Kind;
use crate::queue::Work;
use crate::state::State;
use crate::store::{Change, ChangeKind};
pub use garbage::{end_namespace, end_pod};
pub use node::remove as remove_pod;

/// How long a controller takes to notice a change; a deployment's `observedGeneration` lags by this.
const NOTICE: Duration = Duration::from_millis(100);

impl State {
    /// Does the work that is due until `now`, in order, but at most `most` items.
    pub fn step(&mut self, now: Timestamp, most: usize) {
        self.notice(now);
        for _ in 0..most {
            let Some((due, work)) = self.queue.pop_due(now) else {
                return;
            };
            perform(self, &work, due);
            self.notice(due);
        }
    }

    /// Queues work for recent changes.
    pub fn notice(&mut self, now: Timestamp) {
        notice(self, now);
    }
}

fn perform(state: &mut State, work: &Work, now: Timestamp) {
    match work {
        Work::Reconcile(Kind::Deployment, key) => deployment::reconcile(state, key, now),
        Work::Reconcile(Kind::ReplicaSet, key) => replica_set::reconcile(state, key, now),
        Work::Reconcile(Kind::StatefulSet, key) => stateful_set::reconcile(state, key, now),
        Work::Reconcile(Kind::DaemonSet, key) => daemon_set::reconcile(state, key, now),
        Work::Reconcile(..) => {}
        Work::Pod(key) => node::advance(state, key, now),
        Work::PodEnd(key) => node::remove(state, key),
        Work::Namespace(name) => garbage::empty_namespace(state, name, now),
        Work::Orphans(uid) => garbage::remove_orphans(state, uid, now),
        Work::Nodes => daemon_set::follow_nodes(state, now),
        Work::Events => event::forget_old(state, now),
    }
}

/// Queues the work that the latest changes require.
fn notice(state: &mut State, now: Timestamp) {
    let seen = state.queue.seen;
    let Some(changes) = state.store.journal().after(seen) else {
        // Compacted: these changes were processed when they were made.
        state.queue.seen = state.store.revision();
        return;
    };
    let soon = now + state.clock.scale(NOTICE);
    let mut noticed = Vec::new();
    for change in changes {
        for work in work_for(change) {
            let due = match work {
                Work::Events => now + event::BETWEEN_SWEEPS,
                _ => soon,
            };
            noticed.push((due, work));
        }
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
        kind if kind.is_workload() && !deleted => vec![Work::Reconcile(kind, key)],
        Kind::Pod if change.kind == ChangeKind::Added => vec![Work::Pod(key)],
        Kind::Namespace if !deleted => vec![Work::Namespace(key.name)],
        Kind::Node => vec![Work::Nodes],
        Kind::Event if change.kind == ChangeKind::Added => vec![Work::Events],
        _ => Vec::new(),
    };
    if let Some((kind, owner)) = object.owner_key() {
        work.push(Work::Reconcile(kind, owner));
    }
    if deleted && object.kind.is_workload() {
        let meta = object.value();
        let uid = meta["metadata"]["uid"].as_str().unwrap_or_default();
        work.push(Work::Orphans(uid.into()));
    }
    work
}
