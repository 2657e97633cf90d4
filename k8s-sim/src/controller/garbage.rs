//! The garbage collector: removes objects whose owner or namespace is gone.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::kind::Kind;
use crate::queue::Work;
use crate::state::State;
use crate::store::Key;

const GRACE_SECONDS: i64 = 30;

pub fn remove_orphans(state: &mut State, owner: &str, now: Timestamp) {
    let orphans: Vec<_> = state.store.dependents(owner).cloned().collect();
    for (kind, key) in orphans {
        remove(state, kind, &key, now);
    }
}

/// Pods terminate gracefully, everything else is deleted immediately.
fn remove(state: &mut State, kind: Kind, key: &Key, now: Timestamp) {
    if kind == Kind::Pod {
        end_pod(state, key, GRACE_SECONDS, now);
    } else {
        state.store.remove(kind, key);
    }
}

/// Marks a pod as terminating; its node removes it when its containers have stopped.
pub fn end_pod(state: &mut State, key: &Key, grace_seconds: i64, now: Timestamp) {
    let Some(mut pod) = state.store.read::<Pod>(key) else {
        return;
    };
    if pod.metadata.deletion_timestamp.is_some() {
        return;
    }
    let grace = std::time::Duration::from_secs(grace_seconds.unsigned_abs());
    pod.metadata.deletion_timestamp = Some(Time(now + grace));
    pod.metadata.deletion_grace_period_seconds = Some(grace_seconds);
    pod.metadata.generation = pod.metadata.generation.map(|generation| generation + 1);
    state.store.put(pod);
    state.queue.push(now, Work::Pod(key.clone()));
}

pub fn empty_namespace(state: &mut State, name: &Arc<str>, now: Timestamp) {
    let key = Key::new("", name);
    let Some(namespace) = state.store.read::<Namespace>(&key) else {
        return;
    };
    if namespace.metadata.deletion_timestamp.is_none() {
        return;
    }
    let mut pods = 0;
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_namespaced()) {
        let inside: Vec<_> = state.store.list(kind, Some(name)).cloned().collect();
        for object in &inside {
            remove(state, kind, &object.key, now);
        }
        pods += if kind == Kind::Pod { inside.len() } else { 0 };
    }
    if pods == 0 {
        state.store.remove(Kind::Namespace, &key);
    } else {
        let again = now + state.clock.scale(super::NOTICE);
        state.queue.push(again, Work::Namespace(name.clone()));
    }
}

/// Marks a namespace as terminating; it is deleted when it is empty.
pub fn end_namespace(state: &mut State, key: &Key, now: Timestamp) {
    let Some(mut namespace) = state.store.read::<Namespace>(key) else {
        return;
    };
    if namespace.metadata.deletion_timestamp.is_none() {
        namespace.metadata.deletion_timestamp = Some(Time(now));
        namespace.status.get_or_insert_default().phase = Some("Terminating".to_owned());
        state.store.put(namespace);
    }
}
