//! `agent.<name>.workload`: changes of a cluster's workloads, published as they happen.

use serde::{Deserialize, Serialize};

use crate::verb::WorkloadSummary;
use crate::{InstanceId, WorkloadRef};

/// Deployments whose line in a list has changed, and those that are gone; each at most once. The initial list that an agent reads is
/// not published. Each agent of a cluster publishes all changes with its own numbering: follow one agent only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadChanges<T = WorkloadSummary> {
    /// The agent instance that publishes.
    pub instance: InstanceId,
    /// The number of the last change in this message. An instance numbers all of its changes from 1, including those that it cannot
    /// send: a gap before the first change of a message means that changes were lost.
    pub sequence: u64,
    /// The current lines of workloads that were created or changed.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<T>,
    /// The workloads that were deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<WorkloadRef>,
}

impl<T> WorkloadChanges<T> {
    /// The maximum size of a message, in bytes of JSON. A workload whose line does not fit is counted but not sent.
    pub const BYTES: usize = 64 * 1024;

    /// The number of the change before the first one in this message; `None` if the numbers are inconsistent.
    #[must_use]
    pub fn after(&self) -> Option<u64> {
        let changes = u64::try_from(self.changed.len() + self.gone.len()).ok()?;
        self.sequence.checked_sub(changes)
    }
}
