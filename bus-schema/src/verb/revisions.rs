//! `cluster.<name>.revisions`: the revisions of a workload, as `kubectl rollout history` shows them.

use std::ops::Not;

use jiff::Timestamp;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ImageNow;
use crate::{Access, Namespace, OperationId, Request, Right, WorkloadRef};

/// The maximum number of revisions that are listed: the newest ones.
pub const MAX_REVISIONS: usize = 100;

/// The maximum number of templates in one reply.
pub const MAX_TEMPLATES: usize = 2;

/// The maximum length of [`RevisionSummary::change_cause`] in characters; a longer one is cut off.
pub const MAX_CAUSE_CHARS: usize = 1_000;

/// Lists the revisions of a workload that its cluster still has: a Deployment's ReplicaSets, the ControllerRevisions of the other kinds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRevisions {
    /// The workload.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// The revisions whose pod templates are wanted as well, at most [`MAX_TEMPLATES`].
    #[serde(
        default,
        deserialize_with = "templates",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub templates: Vec<u64>,
}

impl Request for ListRevisions {
    const VERB: &'static str = "revisions";
    const ACCESS: Access = Access::Read;
    const RIGHT: Right = Right::Read;
    type Reply = Revisions;

    fn namespace(&self) -> Option<&Namespace> {
        Some(&self.target.namespace)
    }
}

/// The revisions of a workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revisions {
    /// The workload.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// The newest [`MAX_REVISIONS`] and those whose templates were asked for, the newest first.
    pub items: Vec<RevisionSummary>,
}

impl Revisions {
    /// The revision that the workload has now; `None` for as long as its controller has not recorded its template.
    #[must_use]
    pub fn current(&self) -> Option<u64> {
        let current = self.items.iter().find(|item| item.current);
        current.map(|item| item.revision)
    }

    /// The revision that the workload had before the present one, to which an undo without a revision goes.
    #[must_use]
    pub fn previous(&self) -> Option<u64> {
        let others = self.items.iter().filter(|item| !item.current);
        others.map(|item| item.revision).max()
    }
}

/// One revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevisionSummary {
    /// Its number, from 1. A revision that is restored gets a new one.
    pub revision: u64,
    /// Whether the workload has its template now.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub current: bool,
    /// When its template was first used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Why it was made, according to the annotation `kubernetes.io/change-cause`, which anyone who may edit the workload can change. At
    /// most [`MAX_CAUSE_CHARS`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_cause: Option<String>,
    /// The operation of this project that made it, according to the same annotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
    /// The images of its containers, init containers first.
    pub images: Vec<ImageNow>,
    /// Its pod template, if it was asked for. Values that look like secrets are replaced by `hidden 1`, `hidden 2` and so on: within
    /// one reply, the same value by the same text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub template: Option<Value>,
}

fn templates<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    let templates = Vec::deserialize(deserializer)?;
    if templates.len() > MAX_TEMPLATES {
        let message = format!("ask for at most {MAX_TEMPLATES} templates");
        return Err(D::Error::custom(message));
    }
    Ok(templates)
}
