//! `cluster.<name>.pause`: pause the rollout of a deployment as `kubectl rollout pause` does.

use serde::{Deserialize, Serialize};

use super::mutation::mutation;
use crate::{Right, WorkloadRef, WriteGuard};

/// Pauses a deployment: changes of its template roll nothing out until it is resumed. One that is paused already stays so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// What to pause.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// What makes it safe to deliver late or twice.
    #[serde(flatten)]
    pub guard: WriteGuard,
}

mutation!(Pause, "pause", Right::Pause => Paused);

/// The change has been written to the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Paused {
    /// What was changed.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// Whether it is paused now. Where this answers a duplicate, somebody may have changed that since.
    pub paused: bool,
}
