//! The record of a cluster in the KV bucket `clusters`.

use std::time::Duration;

use bus_keys::streams::{BucketSpec, CLUSTERS};
use bus_schema::{ClusterName, Heartbeat};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The saved state of a cluster, which survives restarts of the aggregator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The uid of the Kubernetes cluster that the name belongs to: the first one that was seen.
    pub cluster_uid: Option<String>,
    /// When the first heartbeat arrived.
    pub first_seen: Timestamp,
    /// When the last heartbeat arrived.
    pub last_seen: Timestamp,
    /// The last heartbeat.
    pub heartbeat: Heartbeat,
}

impl storage::Record for Record {
    const BUCKET: BucketSpec = CLUSTERS;
    type Key = ClusterName;
    const KEY: &'static str = "a cluster's name";
    // As long as JetStream's own time-out: after a start all clusters are written at once.
    const WITHIN: Duration = Duration::from_secs(5);
}
