//! What an attempt has read before it decides.

use std::ops::Deref;

use crate::kubernetes::{History, WorkloadObject};

/// A workload, with its history if the mutation needs it.
#[derive(Debug)]
pub struct Seen {
    workload: WorkloadObject,
    history: Option<History>,
}

impl Seen {
    /// Its present and earlier templates; `None` if the mutation does not say that it [needs](super::Change::NEEDS_HISTORY) them.
    pub fn history(&self) -> Option<&History> {
        self.history.as_ref()
    }
}

impl Deref for Seen {
    type Target = WorkloadObject;

    fn deref(&self) -> &WorkloadObject {
        &self.workload
    }
}

impl From<WorkloadObject> for Seen {
    fn from(workload: WorkloadObject) -> Self {
        Self {
            workload,
            history: None,
        }
    }
}

impl From<(WorkloadObject, History)> for Seen {
    fn from((workload, history): (WorkloadObject, History)) -> Self {
        Self {
            workload,
            history: Some(history),
        }
    }
}
