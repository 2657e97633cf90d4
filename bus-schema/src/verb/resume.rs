//! `cluster.<name>.resume`: resume a paused deployment as `kubectl rollout resume` does.

use serde::{Deserialize, Serialize};

use super::Paused;
use super::mutation::mutation;
use crate::{Right, WorkloadRef, WriteGuard};

/// Resumes a deployment: what was changed in its template while it was paused is rolled out. One that is not paused stays so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// What to resume.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// What makes it safe to deliver late or twice.
    #[serde(flatten)]
    pub guard: WriteGuard,
}

mutation!(Resume, "resume", Right::Resume => Paused);
