//! A deployment as it is shown of the whole fleet, in lists and in what is told of changes.

use bus_schema::verb::DeploymentSummary;
use bus_schema::{ClusterName, Health};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A deployment of one of the clusters.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FleetDeployment {
    /// Its cluster.
    pub cluster: ClusterName,
    /// Present when the cluster is offline and all this is what was last known: how the deployment was. Its `health` is `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_health: Option<Health>,
    /// Present then, too: when this was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
    /// Present then, too: how many seconds ago that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_seconds: Option<u64>,
    /// The rest.
    #[serde(flatten)]
    pub deployment: DeploymentSummary,
}

impl FleetDeployment {
    /// As its cluster says.
    #[must_use]
    pub fn now(cluster: ClusterName, deployment: DeploymentSummary) -> Self {
        Self {
            cluster,
            last_health: None,
            as_of: None,
            stale_seconds: None,
            deployment,
        }
    }

    /// As its cluster said when it was last there. How it is now is not known.
    #[must_use]
    pub fn last_known(
        cluster: ClusterName,
        deployment: &DeploymentSummary,
        as_of: Timestamp,
        stale_seconds: u64,
    ) -> Self {
        Self {
            cluster,
            last_health: Some(deployment.health),
            as_of: Some(as_of),
            stale_seconds: Some(stale_seconds),
            deployment: DeploymentSummary {
                health: Health::Unknown,
                ..deployment.clone()
            },
        }
    }
}
