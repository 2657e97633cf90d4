//! `cluster.<name>.restart`: restart a workload as `kubectl rollout restart` does.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::mutation::mutation;
use crate::{Right, WorkloadRef, WriteGuard};

/// Restarts a workload. With an operation id, a duplicate delivery restarts it only once, and a delivery after a newer operation or
/// after the deadline does nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// What to restart.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// Makes it safe to deliver late or twice.
    #[serde(flatten)]
    pub guard: WriteGuard,
}

mutation!(Restart, "restart", Right::Restart => Restarted);

/// The restart has been written to the cluster; the rollout follows. A duplicate gets the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Restarted {
    /// The restarted workload.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// The value of the annotation `kubectl.kubernetes.io/restartedAt`; absent if someone has removed it since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Timestamp>,
}
