//! `cluster.<name>.restart`: restart a workload as `kubectl rollout restart` does.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::mutation::mutation;
use crate::{Right, WorkloadRef, WriteGuard};

/// Restarts a workload. With an operation's id: delivered twice, it restarts once; delivered after a newer operation or after its
/// deadline, it does nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// What to restart.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// What makes it safe to deliver late or twice.
    #[serde(flatten)]
    pub guard: WriteGuard,
}

mutation!(Restart, "restart", Right::Restart => Restarted);

/// The restart has been written to the cluster; the rollout follows. A duplicate is answered alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Restarted {
    /// What is restarted.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// The value of the annotation `kubectl.kubernetes.io/restartedAt`; absent where somebody has taken it away since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Timestamp>,
}
