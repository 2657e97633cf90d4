//! The states of runs and of their targets.

pub use bus_schema::{RunState, TargetState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What people want of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Desired {
    /// To go on.
    Run,
    /// To start nothing more for now.
    Pause,
    /// To start nothing more.
    Abort,
}
