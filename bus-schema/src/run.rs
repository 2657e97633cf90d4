//! A run, which is one change of many workloads: its states, and what the aggregator publishes of it. Nothing in this project reads those
//! messages; they are for programs of others.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{OperationId, Reason};

/// What the aggregator publishes on `run.<id>.event`, once a run has a new state or new counts; never for each target. It is published
/// once and not stored: `GET /runs/{run_id}` has the states that a subscriber has missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunUpdate {
    /// The run.
    pub run_id: OperationId,
    /// The number of the last change of its state, from 1. A message with a number that was seen before has new counts. Messages of
    /// different aggregators may overtake each other: the higher number is the newer one.
    pub transition: u64,
    /// Its state.
    pub state: RunState,
    /// The reason for the state, unless that is obvious.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Who caused the state, if that was a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
    /// The change that it makes: a verb such as `restart`.
    pub action: String,
    /// Who started it.
    pub user: String,
    /// Why, as its requester gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The number of targets by state; states without any are left out.
    pub counts: BTreeMap<TargetState, u32>,
    /// The number of targets.
    pub targets: u32,
    /// The current wave, from 0.
    pub wave: u32,
    /// The number of waves.
    pub waves: u32,
    /// When it got the state, by the bus's clock.
    pub time: Timestamp,
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Scheduled,
        Self::PendingApproval,
        Self::Running,
        Self::Pausing,
        Self::Paused,
        Self::Aborting,
        Self::Aborted,
        Self::Failed,
        Self::Succeeded,
        Self::Expired,
    ];

    /// Its text in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::PendingApproval => "pending_approval",
            Self::Running => "running",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Aborting => "aborting",
            Self::Aborted => "aborted",
            Self::Failed => "failed",
            Self::Succeeded => "succeeded",
            Self::Expired => "expired",
        }
    }

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_state_is_that_in_json() {
        for state in RunState::ALL {
            let json = serde_json::to_value(state).unwrap();
            assert_eq!(json, state.as_str());
        }
    }
}
