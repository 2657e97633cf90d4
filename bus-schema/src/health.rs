//! One word for how a deployment is.

use serde::{Deserialize, Serialize};

/// How a deployment is, worst first in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Health {
    /// The rollout exceeded its progress deadline.
    Failed,
    /// No rollout is under way, and fewer replicas are available than wanted.
    Degraded,
    /// A rollout is under way.
    Progressing,
    /// The deployment is paused.
    Paused,
    /// All replicas are up to date and available.
    Healthy,
    /// Not known, or a value that this version does not know.
    #[serde(other)]
    Unknown,
}
