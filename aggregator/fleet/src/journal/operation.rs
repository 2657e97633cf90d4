//! Operations with an intent but no final outcome yet, in the KV bucket `operations`: what any replica needs to find out the outcome of
//! one that was lost.

use bus_keys::streams::{BucketSpec, OPERATIONS};
use bus_schema::{ClusterName, Mutation, OperationId, Verb, WorkloadRef, WriteGuard};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use audit::Entry;
use storage::Record;

/// An operation that is in progress, or whose outcome is unknown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operation {
    /// Its id, also in the audit log.
    pub id: OperationId,
    /// The mutation that it sends; absent for an act of the aggregator itself: a credential, an invitation, labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutation: Option<SentMutation>,
    /// Its deadline, by the bus's clock.
    pub deadline: Timestamp,
    /// Its first audit line.
    pub entry: Entry,
}

/// A mutation as it is sent. It is sent again, as a fence, to find out its outcome: the same for all verbs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SentMutation {
    /// Its verb. A record with an unknown verb was written by a newer version, and is skipped.
    #[serde(with = "verb_by_name")]
    pub verb: Verb,
    /// Its request, as JSON.
    request: Map<String, Value>,
}

impl SentMutation {
    /// A mutation that is about to be sent.
    ///
    /// # Errors
    /// If it cannot be serialized as JSON.
    pub fn new<M: Mutation>(mutation: &M) -> Result<Self, serde_json::Error> {
        Ok(Self {
            verb: Verb::of::<M>(),
            request: object(mutation)?,
        })
    }

    /// A mutation of a verb by its name, with the parameters that it has beside its target.
    ///
    /// # Errors
    /// If it cannot be serialized as JSON.
    pub fn of(
        verb: Verb,
        target: &WorkloadRef,
        parameters: &Map<String, Value>,
    ) -> Result<Self, serde_json::Error> {
        let mut request = parameters.clone();
        request.extend(object(target)?);
        Ok(Self { verb, request })
    }

    /// Sets what makes it safe to deliver late or twice.
    ///
    /// # Errors
    /// If it cannot be serialized as JSON.
    pub fn guard(&mut self, guard: &WriteGuard) -> Result<(), serde_json::Error> {
        self.request.extend(object(guard)?);
        Ok(())
    }

    /// The request to send.
    #[must_use]
    pub fn request(&self) -> &Map<String, Value> {
        &self.request
    }

    /// The uid of the target Kubernetes cluster; `None` if any cluster of the name will do.
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

fn object(value: &impl Serialize) -> Result<Map<String, Value>, serde_json::Error> {
    serde_json::from_value(serde_json::to_value(value)?)
}

mod verb_by_name {
    use bus_schema::{Access, VERBS, Verb};
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(verb: &Verb, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(verb.name)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Verb, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = |verb: &&Verb| verb.name == name && verb.access == Access::Write;
        let verb = VERBS.iter().find(known).copied();
        verb.ok_or_else(|| D::Error::custom(format!("there is no mutation {name:?}")))
    }
}

impl Operation {
    /// An operation with this id and this first audit line.
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

    /// The cluster that is changed, if any.
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_mutation_is_read_back_and_one_of_a_newer_version_or_a_read_is_refused() {
        let sent = |verb: &str| json!({ "verb": verb, "request": { "cluster_uid": "u" } });
        let restart: SentMutation = serde_json::from_value(sent("restart")).unwrap();
        assert_eq!(restart.cluster_uid(), Some("u"));
        assert_eq!(
            restart.fence(),
            json!({ "cluster_uid": "u", "fence": true })
        );
        assert_eq!(serde_json::to_value(&restart).unwrap(), sent("restart"));
        for verb in ["teleport", "rollout"] {
            let error = serde_json::from_value::<SentMutation>(sent(verb)).unwrap_err();
            assert!(error.to_string().contains(verb), "{error}");
        }
    }
}
