//! `agent.<name>.deployment`: what has changed in a cluster, told unasked.

use serde::{Deserialize, Serialize};

use crate::verb::DeploymentSummary;
use crate::{InstanceId, Namespace, WorkloadName};

/// Deployments whose line in a list is another one now, and those that are gone; each at most once. An agent that has just read its
/// cluster says nothing of what it found. Agents of one cluster each tell everything, counted for itself: follow one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentChanges<T = DeploymentSummary> {
    /// Whose changes these are.
    pub instance: InstanceId,
    /// The number of the last change in here. An instance counts all of its changes from 1, also those that it cannot send: what is
    /// missing before the first in here was lost.
    pub sequence: u64,
    /// The lines of those that were created or changed, as they are now.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<T>,
    /// Those that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<GoneDeployment>,
}

impl<T> DeploymentChanges<T> {
    /// The most bytes of JSON that a message has. A deployment whose line does not fit into one is counted and not sent.
    pub const BYTES: usize = 64 * 1024;

    /// The number of the change before the first one in here; `None` where the numbers make no sense.
    #[must_use]
    pub fn after(&self) -> Option<u64> {
        let changes = u64::try_from(self.changed.len() + self.gone.len()).ok()?;
        self.sequence.checked_sub(changes)
    }
}

/// A deployment that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GoneDeployment {
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name.
    pub deployment_name: WorkloadName,
}
