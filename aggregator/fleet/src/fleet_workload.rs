//! A workload in lists and events of the whole fleet.

use bus_schema::verb::WorkloadSummary;
use bus_schema::{ClusterName, Health};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A workload of one of the clusters.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FleetWorkload {
    /// Its cluster.
    pub cluster: ClusterName,
    /// Present if the cluster is offline and the rest is its last known state: the workload's last known health. Its `health` is
    /// `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_health: Option<Health>,
    /// Also present then: when this state was observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
    /// Also present then: how many seconds ago that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_seconds: Option<u64>,
    /// The rest.
    #[serde(flatten)]
    pub workload: WorkloadSummary,
}

impl FleetWorkload {
    /// The state that its cluster reports.
    #[must_use]
    pub fn now(cluster: ClusterName, workload: WorkloadSummary) -> Self {
        Self {
            cluster,
            last_health: None,
            as_of: None,
            stale_seconds: None,
            workload,
        }
    }

    /// The state that its cluster last reported before it went offline. The current state is unknown.
    #[must_use]
    pub fn last_known(
        cluster: ClusterName,
        workload: &WorkloadSummary,
        as_of: Timestamp,
        stale_seconds: u64,
    ) -> Self {
        Self {
            cluster,
            last_health: Some(workload.health),
            as_of: Some(as_of),
            stale_seconds: Some(stale_seconds),
            workload: WorkloadSummary {
                health: Health::Unknown,
                ..workload.clone()
            },
        }
    }
}
