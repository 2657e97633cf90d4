//! `cluster.<name>.undo`: restore an earlier revision of a workload as `kubectl rollout undo --to-revision` does.

use std::ops::Not;

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

use super::ImageNow;
use super::mutation::mutation;
use crate::{Right, WorkloadRef, WriteGuard};

/// Gives a workload the pod template of an earlier revision. One that has this template already is left unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// What to undo.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// The revision to restore, from 1, as [`super::ListRevisions`] lists it: not relative to the present one, or a duplicate would go
    /// back further.
    #[serde(deserialize_with = "revision")]
    pub to_revision: u64,
    /// Makes it safe to deliver late or twice.
    #[serde(flatten)]
    pub guard: WriteGuard,
}

mutation!(Undo, "undo", Right::Undo => Undone);

/// The template has been written to the cluster; the rollout follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Undone {
    /// The changed workload.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// The restored revision. The controller of a workload gives it a new number.
    pub to_revision: u64,
    /// The workload had this template already, so nothing rolls out. Left out in the answer to a duplicate.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub unchanged: bool,
    /// The images of all its containers now, init containers first. If this answers a duplicate, someone may have changed them since.
    pub images: Vec<ImageNow>,
    /// What to know about the change, for people. Left out in the answer to a duplicate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Deserializes the number of a revision.
///
/// # Errors
/// If it is not a whole number from 1.
pub fn revision<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let revision = u64::deserialize(deserializer)?;
    if !(1..=i64::MAX.unsigned_abs()).contains(&revision) {
        return Err(D::Error::custom("revisions are counted from 1"));
    }
    Ok(revision)
}
