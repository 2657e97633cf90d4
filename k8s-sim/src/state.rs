//! The cluster behind its lock: the store, what the controllers have to do and when, and the objects that nobody has
//! looked at yet. Time is always an argument.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::clock::Clock;
use crate::controller::{self, Queue};
use crate::identity::Identities;
use crate::kind::{Kind, Resource};
use crate::seed;
use crate::selector::Labels;
use crate::store::{Key, Object, Store};

pub struct State {
    pub store: Store,
    pub queue: Queue,
    pub ids: Identities,
    pub clock: Clock,
    /// Seeded deployments whose ReplicaSet and pods have not been needed yet, with the resource versions kept for them.
    dormant: BTreeMap<Key, u64>,
}

impl State {
    pub fn new(clock: Clock, ids: Identities, history: usize) -> Self {
        Self {
            store: Store::new(history),
            queue: Queue::default(),
            ids,
            clock,
            dormant: BTreeMap::new(),
        }
    }

    /// Stores a new object with the metadata that the API server gives it.
    pub fn create<T: Resource>(&mut self, mut object: T, now: Timestamp) -> Arc<Object> {
        let meta = object.metadata_mut();
        meta.uid = Some(self.ids.uid());
        meta.creation_timestamp = Some(Time(now));
        meta.generation = T::TYPE.has_generation().then_some(1);
        self.store
            .put(object)
            .expect("an object with a fresh uid differs from what was there")
    }

    pub fn put_to_sleep(&mut self, deployment: Key, revision: u64) {
        self.dormant.insert(deployment, revision);
    }

    /// Brings the ReplicaSet and the pods of a seeded deployment into being, as if they had been there all along.
    pub fn wake(&mut self, deployment: &Key) {
        if let Some(revision) = self.dormant.remove(deployment) {
            seed::grow(self, deployment, revision);
        }
    }

    /// The same for what must be there before one object is read or changed.
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
        let labels = labels.without(controller::HASH);
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

    /// Does the work that is due until `now`, in order, but no more than `most` pieces of it.
    pub fn step(&mut self, now: Timestamp, most: usize) {
        self.notice(now);
        for _ in 0..most {
            let Some((due, work)) = self.queue.pop_due(now) else {
                return;
            };
            controller::perform(self, &work, due);
            self.notice(due);
        }
    }

    /// Lets the controllers notice what has changed.
    pub fn notice(&mut self, now: Timestamp) {
        controller::notice(self, now);
    }
}
