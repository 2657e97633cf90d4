//! The controllers' work queue, ordered by due time. The same work is queued only once: the earliest time wins.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use crate::kind::Kind;
use crate::store::Key;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// The controller of the kind takes a step for the object.
    Reconcile(Kind, Key),
    Pod(Key),
    /// The pod's containers have stopped.
    PodEnd(Key),
    Namespace(Arc<str>),
    /// Remove the dependents of the object with this uid.
    Orphans(Arc<str>),
    /// The set of nodes has changed: each DaemonSet is reconciled.
    Nodes,
    /// Delete expired events.
    Events,
}

type Slot = (Timestamp, u64);

#[derive(Default)]
pub struct Queue {
    waiting: BTreeMap<Slot, Work>,
    slots: HashMap<Work, Slot>,
    count: u64,
    /// The resource version up to which changes have been processed.
    pub seen: u64,
}

impl Queue {
    pub fn push(&mut self, due: Timestamp, work: Work) {
        if let Some(slot) = self.slots.get(&work) {
            if slot.0 <= due {
                return;
            }
            self.waiting.remove(slot);
        }
        self.count += 1;
        let slot = (due, self.count);
        self.slots.insert(work.clone(), slot);
        self.waiting.insert(slot, work);
    }

    pub fn cancel(&mut self, work: &Work) {
        if let Some(slot) = self.slots.remove(work) {
            self.waiting.remove(&slot);
        }
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }

    pub fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, Work)> {
        if self.next_due()? > now {
            return None;
        }
        let ((due, _), work) = self.waiting.pop_first()?;
        self.slots.remove(&work);
        Some((due, work))
    }
}
