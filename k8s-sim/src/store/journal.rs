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

pub struct Journal {
    changes: VecDeque<Change>,
    capacity: usize,
    /// All changes after this version are here.
    complete_after: u64,
}

impl Journal {
    pub fn new(capacity: usize) -> Self {
        Self {
            changes: VecDeque::new(),
            capacity: capacity.max(1),
            complete_after: 0,
        }
    }

    pub fn push(&mut self, change: Change) {
        if self.changes.len() == self.capacity
            && let Some(lost) = self.changes.pop_front()
        {
            self.complete_after = lost.revision;
        }
        self.changes.push_back(change);
    }

    pub fn clear(&mut self, revision: u64) {
        self.changes.clear();
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
