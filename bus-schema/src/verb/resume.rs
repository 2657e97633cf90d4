//! `cluster.<name>.resume`: resume a paused deployment as `kubectl rollout resume` does.

use serde::{Deserialize, Serialize};

use super::Paused;
use super::mutation::mutation;
use crate::{Right, WorkloadRef, WriteGuard};

/// Resumes a deployment: template changes made while it was paused are rolled out. A deployment that is not paused is left unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// What to resume.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// Makes it safe to deliver late or twice.
    #[serde(flatten)]
    pub guard: WriteGuard,
}

mutation!(Resume, "resume", Right::Resume => Paused, for Deployment);
