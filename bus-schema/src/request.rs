//! What makes a struct a verb.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Namespace, WorkloadKind, WorkloadRef, WriteGuard};

/// The maximum size of a request with a person's credential, in bytes: the broker accepts no larger message from it.
pub const PERSON_REQUEST_BYTES: usize = 8 * 1024;

/// The maximum size of an agent's message with its headers, in bytes. The broker closes a connection that sends more.
pub const AGENT_MESSAGE_BYTES: usize = 1024 * 1024;

/// Whether a verb changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Changes nothing; may be retried.
    Read,
    /// Changes the cluster: it is authorised, audited, given a deadline, and never retried blindly.
    Write,
}

/// The rights that a person can be granted.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Right {
    /// See clusters, namespaces, deployments, pods, events and rollouts.
    Read,
    /// Read the logs of pods.
    Logs,
    /// Restart deployments.
    Restart,
    /// Change the number of replicas.
    Scale,
    /// Pause a rollout.
    Pause,
    /// Resume a rollout.
    Resume,
    /// Go back to an earlier revision.
    Undo,
    /// Change an image.
    Image,
    /// Join clusters, revoke and forget them.
    Enroll,
    /// Read everyone's audit records.
    Audit,
}

/// A request to one cluster. One struct is one verb: searching for its name finds every use of the verb, in the agent, the aggregator
/// and the UI.
pub trait Request: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The last token of `cluster.<name>.<verb>`.
    const VERB: &'static str;
    /// Whether it changes anything.
    const ACCESS: Access;
    /// The right that a person needs for it.
    const RIGHT: Right;
    /// The kinds of workloads for which there is such a request.
    const KINDS: &'static [WorkloadKind] = &WorkloadKind::ALL;
    /// How long the requester waits for the reply to a read; a write has its deadline instead.
    const TIMEOUT: Duration = Duration::from_secs(5);
    /// The reply on success.
    type Reply: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// The namespace that the request concerns; `None` if it concerns the whole cluster.
    fn namespace(&self) -> Option<&Namespace>;
}

/// A request that changes a workload or ensures its state; safe to deliver late or twice.
pub trait Mutation: Request + Clone {
    /// The workload to change.
    fn target(&self) -> &WorkloadRef;

    /// Makes it safe to deliver late or twice.
    fn guard(&self) -> &WriteGuard;

    /// The same, to be set by the aggregator.
    fn guard_mut(&mut self) -> &mut WriteGuard;
}

/// The properties of a verb, as a row of [`crate::VERBS`].
#[derive(Debug, Clone, Copy)]
pub struct Verb {
    /// See [`Request::VERB`].
    pub name: &'static str,
    /// See [`Request::ACCESS`].
    pub access: Access,
    /// See [`Request::RIGHT`].
    pub right: Right,
    /// See [`Request::KINDS`].
    pub kinds: &'static [WorkloadKind],
    /// Reads a request of this verb as JSON and writes it again: fields that it does not have are gone.
    pub reread: fn(Value) -> Result<Value, serde_json::Error>,
}

/// Verbs have different names.
impl PartialEq for Verb {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Verb {}

impl Verb {
    /// The row of one request type.
    #[must_use]
    pub const fn of<R: Request>() -> Self {
        Self {
            name: R::VERB,
            access: R::ACCESS,
            right: R::RIGHT,
            kinds: R::KINDS,
            reread: |request| serde_json::to_value(serde_json::from_value::<R>(request)?),
        }
    }

    /// Whether there is such a request for this kind of workloads.
    ///
    /// # Errors
    /// The reason, for people.
    pub fn applies_to(&self, kind: WorkloadKind) -> Result<(), String> {
        if self.kinds.contains(&kind) {
            return Ok(());
        }
        let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.as_str()).collect();
        let (verb, kinds) = (self.name, kinds.join(" or "));
        Err(format!(
            "{verb} is not possible for a {kind}, only for a {kinds}"
        ))
    }
}
