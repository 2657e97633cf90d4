//! The states of runs and of their targets.

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

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It waits for the time `not_before`.
    Scheduled,
    /// The next stage waits for an approval.
    PendingApproval,
    /// It goes on.
    Running,
    /// It starts nothing more, and some rollouts are not complete yet.
    Pausing,
    /// It starts nothing more until it is resumed.
    Paused,
    /// It was aborted, and some rollouts are not complete yet.
    Aborting,
    /// It was aborted. What was started before was not undone.
    Aborted,
    /// It has ended with more failures than it may have.
    Failed,
    /// It has ended.
    Succeeded,
    /// It reached the time `expires_at` before its end.
    Expired,
}

impl RunState {
    /// Whether this state is final, apart from a retry.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(
            self,
            Self::Aborted | Self::Failed | Self::Succeeded | Self::Expired
        )
    }
}

/// The state of a target.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// Not begun.
    Pending,
    /// Its cluster is offline; it is begun once the cluster is back.
    Waiting,
    /// The change is being made.
    Starting,
    /// The change was made, and its rollout goes on.
    Progressing,
    /// The rollout is complete, and has to stay so for a while.
    Soaking,
    /// Done.
    Succeeded,
    /// The change was not made, or its rollout has failed.
    Failed,
    /// Whether the change was made is not known.
    Unknown,
    /// Someone changed the workload again meanwhile.
    Superseded,
    /// Left out, for instance since its cluster is offline.
    Skipped,
    /// Never begun, since the run ended before.
    Cancelled,
}

impl TargetState {
    /// Whether it is neither begun nor ended.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Waiting)
    }

    /// Whether this state is final, apart from a retry.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        !self.is_open() && !self.is_begun()
    }

    /// Whether something is under way.
    #[must_use]
    pub const fn is_begun(self) -> bool {
        matches!(self, Self::Starting | Self::Progressing | Self::Soaking)
    }

    /// Whether it counts as a failure.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Unknown)
    }
}
