//! The cluster's state behind its lock: the store, the controllers' work queue, and dormant objects. Time is always an argument.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::clock::Clock;
use crate::identity::Identities;
use crate::kind::{Kind, Resource};
use crate::queue::Queue;
use crate::store::{Key, Object, Store};

pub struct State {
    pub store: Store,
    pub queue: Queue,
    pub ids: Identities,
    pub clock: Clock,
    /// Seeded workloads whose pods have not been needed yet, with the first of the resource versions reserved for them.
    pub dormant: BTreeMap<(Kind, Key), u64>,
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
    pub fn create<T: Resource>(&mut self, object: T, now: Timestamp) -> Arc<Object> {
        let generation = T::TYPE.has_generation().then_some(1);
        self.create_at_generation(object, generation, now)
    }

    /// Stores an object whose spec has been changed since it was created.
    pub fn create_at_generation<T: Resource>(
        &mut self,
        mut object: T,
        generation: Option<i64>,
        now: Timestamp,
    ) -> Arc<Object> {
        let meta = object.metadata_mut();
        meta.uid = Some(self.ids.uid());
        meta.creation_timestamp = Some(Time(now));
        meta.generation = generation;
        self.store
            .put(object)
            .expect("an object with a fresh uid differs from what was there")
    }
}
