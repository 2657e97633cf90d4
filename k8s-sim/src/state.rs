//! The cluster's state behind its lock: the store, the controllers' work queue, and dormant objects. Time is always an argument.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::clock::Clock;
use crate::identity::Identities;
use crate::kind::Resource;
use crate::queue::Queue;
use crate::store::{Key, Object, Store};

pub struct State {
    pub store: Store,
    pub queue: Queue,
    pub ids: Identities,
    pub clock: Clock,
    /// Seeded deployments whose ReplicaSet and pods have not been needed yet, with the resource versions reserved for them.
    pub dormant: BTreeMap<Key, u64>,
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
}
