//! `cluster.<name>.pause`: pause the rollout of a deployment as `kubectl rollout pause` does.

use serde::{Deserialize, Serialize};

use crate::{Access, Mutation, Namespace, Request, Right, WorkloadRef, WriteGuard};

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

impl Request for Pause {
    const VERB: &'static str = "pause";
    const ACCESS: Access = Access::Write;
    const RIGHT: Right = Right::Pause;
    type Reply = Paused;

    fn namespace(&self) -> Option<&Namespace> {
        Some(&self.target.namespace)
    }
}

impl Mutation for Pause {
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
