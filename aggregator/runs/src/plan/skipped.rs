//! The workloads that are left out of a run.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use bus_schema::{ClusterName, WorkloadRef};
use serde::Serialize;
use utoipa::ToSchema;

/// A workload that is left out of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct SkippedTarget {
    /// The cluster.
    pub cluster: ClusterName,
    /// The workload.
    #[serde(flatten)]
    pub workload: WorkloadRef,
    /// Why.
    pub reason: String,
}

/// A reason for which workloads are left out of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SkippedReason {
    /// The reason.
    pub reason: String,
    /// How many workloads.
    pub workloads: u32,
}

/// The reasons with the number of workloads of each, the most frequent first.
#[must_use]
pub fn reasons(skipped: &[SkippedTarget]) -> Vec<SkippedReason> {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for target in skipped {
        *counts.entry(&target.reason).or_default() += 1;
    }
    let mut reasons: Vec<_> = counts
        .into_iter()
        .map(|(reason, workloads)| SkippedReason {
            reason: reason.to_owned(),
            workloads,
        })
        .collect();
    reasons.sort_by_key(|reason| Reverse(reason.workloads));
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_counted_the_most_frequent_first() {
        let skipped = ["paused", "offline", "paused", "gone"].map(|reason| SkippedTarget {
            cluster: "a".parse().unwrap(),
            workload: WorkloadRef::deployment("shop".parse().unwrap(), "cart".parse().unwrap()),
            reason: reason.to_owned(),
        });
        let counted: Vec<_> = reasons(&skipped)
            .into_iter()
            .map(|reason| (reason.reason, reason.workloads))
            .collect();
        let expected = [("paused", 2), ("gone", 1), ("offline", 1)];
        assert_eq!(
            counted,
            expected.map(|(reason, count)| (reason.to_owned(), count))
        );
    }
}
