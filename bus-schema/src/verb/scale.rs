//! `cluster.<name>.scale`: change the number of replicas of a workload as `kubectl scale` does.

use serde::{Deserialize, Serialize};

use super::mutation::mutation;
use crate::{Right, WorkloadRef, WriteGuard, replicas};

/// Sets the number of replicas. A workload that has this number already is left unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    /// What to scale.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// The desired number, at most [`replicas::MAX_REPLICAS`].
    #[serde(deserialize_with = "replicas::desired")]
    pub replicas: u32,
    /// The number of replicas that it must have now, or nothing is changed: [`FaultCode::ReplicasChanged`](crate::FaultCode).
    #[serde(
        default,
        deserialize_with = "replicas::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub current_replicas: Option<u32>,
    /// Makes it safe to deliver late or twice.
    #[serde(flatten)]
    pub guard: WriteGuard,
}

mutation!(Scale, "scale", Right::Scale => Scaled, for Deployment | StatefulSet);

/// The number has been written to the cluster; the pods follow. A duplicate gets the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Scaled {
    /// The scaled workload.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// Desired replicas now. If this answers a duplicate, someone may have changed them since.
    pub replicas: u32,
}
