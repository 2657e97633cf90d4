//! `cluster.<name>.pause`: pause the rollout of a deployment as `kubectl rollout pause` does.

use serde::{Deserialize, Serialize};

use super::mutation::mutation;
use crate::{Right, WorkloadRef, WriteGuard};

/// Pauses a deployment: template changes are not rolled out until it is resumed. A deployment that is already paused is left unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// What to pause.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// Makes it safe to deliver late or twice.
    #[serde(flatten)]
    pub guard: WriteGuard,
}

mutation!(Pause, "pause", Right::Pause => Paused, for Deployment);

/// The change has been written to the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Paused {
    /// The changed workload.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// Whether it is paused now. If this answers a duplicate, someone may have changed that since.
    pub paused: bool,
}
