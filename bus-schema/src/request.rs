//! What makes a struct a verb.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::{Namespace, WorkloadRef, WriteGuard};

/// The most bytes that a request with a person's credential may have: the broker takes no larger message of theirs.
pub const PERSON_REQUEST_BYTES: usize = 8 * 1024;

/// The most bytes, with its headers, that a message of an agent may have. The broker ends the connection that sends more.
pub const AGENT_MESSAGE_BYTES: usize = 1024 * 1024;

/// Whether a verb changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Changes nothing; may be repeated.
    Read,
    /// Changes the cluster: it is authorised, audited, given a deadline, and never repeated blindly.
    Write,
}

/// What a person must be granted to use a verb.
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
    /// Read the audit of everybody.
    Audit,
}

/// A request to one cluster. One struct is one verb: its name is found wherever the verb is answered, asked or shown.
pub trait Request: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The last token of `cluster.<name>.<verb>`.
    const VERB: &'static str;
    /// Whether it changes anything.
    const ACCESS: Access;
    /// The right that a person needs for it.
    const RIGHT: Right;
    /// How long the asker waits for the answer of a read; a write has its deadline instead.
    const TIMEOUT: Duration = Duration::from_secs(5);
    /// What a success is answered with.
    type Reply: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// The namespace that is touched; `None` where the request is about the whole cluster.
    fn namespace(&self) -> Option<&Namespace>;
}

/// A request that changes a workload, or ensures that it is as the request says: delivered late or twice it does no harm.
pub trait Mutation: Request + Clone {
    /// What is changed.
    fn target(&self) -> &WorkloadRef;

    /// What makes it safe to deliver late or twice.
    fn guard(&self) -> &WriteGuard;

    /// The same, to be filled in by the aggregator.
    fn guard_mut(&mut self) -> &mut WriteGuard;
}

/// The facts of a verb, as a row of [`crate::VERBS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verb {
    /// See [`Request::VERB`].
    pub name: &'static str,
    /// See [`Request::ACCESS`].
    pub access: Access,
    /// See [`Request::RIGHT`].
    pub right: Right,
}

impl Verb {
    /// The row of one request type.
    #[must_use]
    pub const fn of<R: Request>() -> Self {
        Self {
            name: R::VERB,
            access: R::ACCESS,
            right: R::RIGHT,
        }
    }
}
