//! `cluster.<name>.resume`: resume a paused deployment as `kubectl rollout resume` does.

use serde::{Deserialize, Serialize};

use super::Paused;
use crate::{Access, Mutation, Namespace, Request, Right, WorkloadRef, WriteGuard};

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

impl Request for Resume {
    const VERB: &'static str = "resume";
    const ACCESS: Access = Access::Write;
    const RIGHT: Right = Right::Resume;
    type Reply = Paused;

    fn namespace(&self) -> Option<&Namespace> {
        Some(&self.target.namespace)
    }
}

impl Mutation for Resume {
    fn target(&self) -> &WorkloadRef {
        &self.target
    }

    fn guard(&self) -> &WriteGuard {
        &self.guard
    }

    fn guard_mut(&mut self) -> &mut WriteGuard {
        &mut self.guard
    }
}
