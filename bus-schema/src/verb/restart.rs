//! `cluster.<name>.restart`: restart a deployment as `kubectl rollout restart` does.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::timing::RESTART_AHEAD;
use crate::{Access, Guard, Namespace, Request, Right, WorkloadName, Write};

/// Orders a restart. Delivered twice, it restarts once; delivered after a newer restart or after its deadline, it does nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartDeployment {
    /// The deployment's namespace.
    pub namespace: Namespace,
    /// The deployment.
    pub deployment_name: WorkloadName,
    /// The value for the annotation `kubectl.kubernetes.io/restartedAt`, in whole seconds, at most
    /// [`RESTART_AHEAD`] ahead; absent: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Timestamp>,
    /// What makes it safe to deliver late or twice.
    #[serde(flatten)]
    pub guard: Guard,
}

impl RestartDeployment {
    /// Whether a restart cannot have been made at this time, since it lies more than [`RESTART_AHEAD`] after `now`.
    #[must_use]
    pub fn is_too_far_ahead(time: Timestamp, now: Timestamp) -> bool {
        let allowed = SignedDuration::try_from(RESTART_AHEAD).unwrap_or(SignedDuration::MAX);
        time.duration_since(now) > allowed
    }
}

impl Request for RestartDeployment {
    const VERB: &'static str = "restart";
    const ACCESS: Access = Access::Write;
    const RIGHT: Right = Right::Restart;
    type Reply = Restarted;

    fn namespace(&self) -> Option<&Namespace> {
        Some(&self.namespace)
    }
}

impl Write for RestartDeployment {
    fn guard_mut(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// The restart has been written to the cluster; the rollout follows. A duplicate is answered alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Restarted {
    /// The deployment's namespace.
    pub namespace: Namespace,
    /// The deployment.
    pub deployment_name: WorkloadName,
    /// The value of the annotation.
    pub restarted_at: Timestamp,
}
