//! Operations that were intended and are not settled yet, in the KV bucket `operations`: what any replica needs to find out what came
//! of one whose outcome was lost.

use bus_keys::streams::{BucketSpec, OPERATIONS};
use bus_schema::{ClusterName, Mutation, OperationId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use audit::Entry;
use storage::Record;

/// An operation that is under way, or whose outcome is not known.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operation {
    /// Its id, also in the audit.
    pub id: OperationId,
    /// The mutation that it sends; absent where it is something of the aggregator's own: a credential, an invitation, labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutation: Option<SentMutation>,
    /// After this it is not carried out, by the bus's clock.
    pub deadline: Timestamp,
    /// Its first line in the audit.
    pub entry: Entry,
}

/// A mutation as it is sent. It is sent once more, as a fence, to find out what came of it: that needs to know no verb.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SentMutation {
    /// Its verb.
    pub verb: String,
    /// Its request.
    request: Map<String, Value>,
}

impl SentMutation {
    /// A mutation that is about to be sent.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn new<M: Mutation>(mutation: &M) -> Result<Self, serde_json::Error> {
        Ok(Self {
            verb: M::VERB.to_owned(),
            request: serde_json::from_value(serde_json::to_value(mutation)?)?,
        })
    }

    /// The uid of the Kubernetes cluster that is meant; `None` where any will do.
    #[must_use]
    pub fn cluster_uid(&self) -> Option<&str> {
        self.request.get("cluster_uid").and_then(Value::as_str)
    }

    /// The request that fences it off, unless it was carried out: see [`bus_schema::WriteGuard::fence`].
    #[must_use]
    pub fn fence(&self) -> Value {
        let mut fence = self.request.clone();
        fence.insert("fence".to_owned(), Value::Bool(true));
        Value::Object(fence)
    }
}

impl Operation {
    /// An operation of this id, with its first line in the audit.
    #[must_use]
    pub fn new(
        id: OperationId,
        mutation: Option<SentMutation>,
        deadline: Timestamp,
        entry: Entry,
    ) -> Self {
        let entry = Entry {
            operation_id: Some(id.clone()),
            ..entry
        };
        Self {
            id,
            mutation,
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
