//! Writes that have been intended and are not settled yet, in the KV bucket `operations`. What stands there outlives whoever began
//! it: any replica settles it by reading the cluster back.

use bus_keys::streams::{BucketSpec, OPERATIONS};
use bus_schema::verb::RestartDeployment;
use bus_schema::{ClusterName, OperationId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::Entry;
use crate::store::Record;

/// A write that is under way, or whose outcome is not known.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operation {
    /// Its id, also in the audit.
    pub id: OperationId,
    /// Where.
    pub cluster: ClusterName,
    /// What was ordered.
    pub order: Order,
    /// After this the agent does not carry it out.
    pub deadline: Timestamp,
    /// Its newest line in the audit.
    pub entry: Entry,
}

/// The writes that there are, so that one can be read back whoever began it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Order {
    /// See [`RestartDeployment`].
    Restart(RestartDeployment),
}

impl From<RestartDeployment> for Order {
    fn from(restart: RestartDeployment) -> Self {
        Self::Restart(restart)
    }
}

impl Record for Operation {
    const BUCKET: BucketSpec = OPERATIONS;
    type Key = OperationId;
    const KEY: &'static str = "an operation's id";

    fn is_of(&self, id: &OperationId) -> bool {
        self.id == *id
    }
}
