//! Operations that were intended and are not settled yet, in the KV bucket `operations`: what any replica needs to find out what came
//! of one whose outcome was lost.

use bus_keys::streams::{BucketSpec, OPERATIONS};
use bus_schema::verb::Restart;
use bus_schema::{ClusterName, OperationId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use audit::Entry;
use storage::Record;

/// An operation that is under way, or whose outcome is not known.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operation {
    /// Its id, also in the audit.
    pub id: OperationId,
    /// What it does.
    pub change: Change,
    /// After this it is not carried out, by the bus's clock.
    pub deadline: Timestamp,
    /// Its first line in the audit.
    pub entry: Entry,
}

/// What operations do. A mutation is asked for once more to find out what came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Change {
    /// See [`Restart`].
    Restart(Restart),
    /// Something of the aggregator's own: a credential, an invitation, labels. The verb is in the audit.
    Own,
}

impl From<Restart> for Change {
    fn from(restart: Restart) -> Self {
        Self::Restart(restart)
    }
}

impl Operation {
    /// An operation of this id, with its first line in the audit.
    #[must_use]
    pub fn new(id: OperationId, change: Change, deadline: Timestamp, entry: Entry) -> Self {
        let entry = Entry {
            operation_id: Some(id.clone()),
            ..entry
        };
        Self {
            id,
            change,
            deadline,
            entry,
        }
    }

    /// The cluster that is changed; `None` where none is.
    #[must_use]
    pub fn cluster(&self) -> Option<&ClusterName> {
        self.entry.target.as_ref().map(|target| &target.cluster)
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
