//! A line of the audit: who did what, to what, with what outcome.

use std::net::IpAddr;

use bus_schema::{
    ClusterName, Namespace, OperationId, Reason, WorkloadKind, WorkloadName, WorkloadRef,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::refused::RefusedSignIns;

/// Most characters written of a user's name as it was entered.
const USER_CHARACTERS: usize = 64;

/// The verb of a sign-in.
pub const SIGN_IN: &str = "sign-in";

/// The verb of a sign-out.
pub const SIGN_OUT: &str = "sign-out";

/// One line of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// When it was written.
    pub time: Timestamp,
    /// The user.
    pub user: String,
    /// Where the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub address: Option<IpAddr>,
    /// The verb, `sign-in` or `sign-out`.
    pub verb: String,
    /// The target; absent for sign-ins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The operation that this line belongs to; absent for sign-ins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
    /// Why the user did it, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The run that the operation is a part of, or that was started or controlled by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<OperationId>,
    /// The outcome, or `pending`.
    pub outcome: Outcome,
    /// Details of the outcome, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The REST call's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The summary of several refused sign-ins; absent for everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedSignIns>,
}

impl Entry {
    /// Whether a user of this name did it, or tried to sign in.
    pub(super) fn is_about(&self, user: &str) -> bool {
        let sample = self.refused.iter().flat_map(|refused| &refused.sample);
        self.user == user || sample.into_iter().any(|name| name == user)
    }
}

/// The target of an operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Target {
    /// The cluster.
    pub cluster: ClusterName,
    /// The namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// The deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_name: Option<WorkloadName>,
    /// The workload's kind, if it is not a deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<WorkloadKind>,
    /// The workload's name, if it is not a deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<WorkloadName>,
}

impl Target {
    /// A cluster as a whole.
    #[must_use]
    pub fn cluster(cluster: &ClusterName) -> Self {
        Self {
            cluster: cluster.clone(),
            namespace: None,
            deployment_name: None,
            kind: None,
            name: None,
        }
    }

    /// A workload of a cluster.
    #[must_use]
    pub fn workload(cluster: &ClusterName, workload: &WorkloadRef) -> Self {
        let name = Some(workload.name.clone());
        let (deployment_name, kind, name) = match workload.kind {
            WorkloadKind::Deployment => (name, None, None),
            kind => (None, Some(kind), name),
        };
        Self {
            cluster: cluster.clone(),
            namespace: Some(workload.namespace.clone()),
            deployment_name,
            kind,
            name,
        }
    }

    /// The workload's kind; none if the target is no workload.
    #[must_use]
    pub fn workload_kind(&self) -> Option<WorkloadKind> {
        let deployment = self.deployment_name.as_ref();
        self.kind
            .or_else(|| deployment.map(|_| WorkloadKind::Deployment))
    }

    /// The workload's name, whatever its kind.
    #[must_use]
    pub fn workload_name(&self) -> Option<&WorkloadName> {
        self.deployment_name.as_ref().or(self.name.as_ref())
    }
}

/// The outcome of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was recorded and is in progress.
    Pending,
    /// It was done.
    Succeeded,
    /// It was not done.
    Failed,
    /// It was too late and was not done.
    Expired,
    /// A newer operation was done already.
    Superseded,
    /// Not known yet: the aggregator goes on to determine it, unless `detail` says that this is no longer possible.
    Unknown,
    /// It was refused before it was attempted, such as a sign-in with a wrong password.
    Refused,
}

impl Outcome {
    /// Whether this outcome is final.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        !matches!(self, Self::Pending | Self::Unknown)
    }
}

/// Cuts a name to the length that is written.
pub(super) fn shown_user(user: &str) -> String {
    user.chars().take(USER_CHARACTERS).collect()
}
