//! The last changes of the cluster, in order, as many as fit. Watches read from it, lists at older versions are rewound with it, and
//! controllers find their work in it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Object;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

#[derive(Clone, Debug)]
pub struct Change {
    pub revision: u64,
    pub kind: ChangeKind,
    pub object: Arc<Object>,
    pub before: Option<Arc<Object>>,
}

/// The size of the changed objects that a journal holds at most: many clusters share the memory of one process.
const BYTES: usize = 8 * 1024 * 1024;

pub struct Journal {
    changes: VecDeque<Change>,
    capacity: usize,
    bytes: usize,
    /// All changes after this version are here.
    complete_after: u64,
}

impl Journal {
    pub fn new(capacity: usize) -> Self {
        Self {
            changes: VecDeque::new(),
            capacity: capacity.max(1),
            bytes: 0,
            complete_after: 0,
        }
    }

    pub fn push(&mut self, change: Change) {
        self.bytes += change.object.json.len();
        self.changes.push_back(change);
        while self.changes.len() > self.capacity || (self.bytes > BYTES && self.changes.len() > 1) {
            let Some(lost) = self.changes.pop_front() else {
                return;
            };
            self.bytes -= lost.object.json.len();
            self.complete_after = lost.revision;
        }
    }

    pub fn clear(&mut self, revision: u64) {
        self.changes.clear();
        self.bytes = 0;
        self.complete_after = revision;
    }

    pub fn complete_after(&self) -> u64 {
        self.complete_after
    }

    /// The changes after `revision`, or `None` when some of them have been forgotten.
    pub fn after(&self, revision: u64) -> Option<impl Iterator<Item = &Change>> {
        if revision < self.complete_after {
            return None;
        }
        let from = self.changes.partition_point(|c| c.revision <= revision);
        Some(self.changes.range(from..))
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Event;

    use super::BYTES;
    use crate::store::Store;

    #[test]
    fn large_changes_push_each_other_out() {
        let mut store = Store::new(1000);
        let mut event = Event::default();
        for number in 0..9 {
            event.message = Some(format!("{number}{}", "x".repeat(BYTES / 8)));
            store.put(event.clone());
        }
        let first = 1;
        assert!(store.journal().after(first).is_none());
        let last = store.revision() - 1;
        assert_eq!(store.journal().after(last).map(Iterator::count), Some(1));
    }
}
