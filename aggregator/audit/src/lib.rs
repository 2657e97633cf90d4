//! Who did what, where, with what outcome: the JetStream stream `AUDIT`, and `AUDIT_REFUSED` for refused sign-ins. An intent is
//! acknowledged before anything is done.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{DirectGetErrorKind, DiscardPolicy, Stream};
use bus_keys::streams::{AUDIT, AUDIT_REFUSED};
use bus_schema::{ClusterName, Namespace, OperationId, WorkloadName};
use jiff::Timestamp;
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use serde::{Deserialize, Serialize};
use tracing::error;
use utoipa::ToSchema;

use diagnostics::{Problem, ProblemCode};
use storage::bus::BusClock;
use storage::{StoreError, open_stream};

mod backward;
mod read;
mod refused;
mod request_source;

pub use read::{AuditFilter, AuditPage, Cursor};
pub use refused::{Refusal, RefusedSignIns};
pub use request_source::RequestSource;

use refused::Sums;

/// How long an acknowledgement may take.
const ACK_WITHIN: Duration = Duration::from_secs(3);

/// The most characters of a user's name as it was given that are written.
const USER_CHARACTERS: usize = 64;

/// The verb of a sign-in.
pub const SIGN_IN: &str = "sign-in";

/// The verb of a sign-out.
pub const SIGN_OUT: &str = "sign-out";

/// One line of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// When it was written.
    pub time: Timestamp,
    /// Who.
    pub user: String,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub address: Option<IpAddr>,
    /// What: a verb, `sign-in` or `sign-out`.
    pub verb: String,
    /// On what; absent for sign-ins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The write that this belongs to; absent for sign-ins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
    /// How it ended, or `pending`.
    pub outcome: Outcome,
    /// More about the outcome, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The REST call's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What several refused sign-ins have in common; absent for everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedSignIns>,
}

impl Entry {
    /// Whether somebody of this name did it, or tried to sign in.
    fn is_about(&self, user: &str) -> bool {
        let sample = self.refused.iter().flat_map(|refused| &refused.sample);
        self.user == user || sample.into_iter().any(|name| name == user)
    }
}

/// What an operation is done to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Target {
    /// The cluster.
    pub cluster: ClusterName,
    /// The namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// The deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_name: Option<WorkloadName>,
}

impl Target {
    /// A cluster as a whole.
    #[must_use]
    pub fn cluster(cluster: &ClusterName) -> Self {
        Self {
            cluster: cluster.clone(),
            namespace: None,
            deployment_name: None,
        }
    }
}

/// How something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was written down and is under way.
    Pending,
    /// It was done.
    Succeeded,
    /// It was not done.
    Failed,
    /// It came too late and was not done.
    Expired,
    /// A newer one was done already.
    Superseded,
    /// Not known: the cluster is asked until it is, unless `detail` says that nobody can tell any more.
    Unknown,
    /// It was refused before it was tried, such as a wrong password.
    Refused,
}

impl Outcome {
    /// Whether this is the last word on an operation.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        !matches!(self, Self::Pending | Self::Unknown)
    }
}

/// A line that stands in the stream, by its sequence there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence(pub u64);

/// Why a line was not written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The stream is away, full, or answers too late.
    #[error("the audit cannot be written")]
    Unavailable(#[source] Option<async_nats::jetstream::context::PublishError>),
    /// Somebody else has written the operation's next line.
    #[error("the operation has been settled already")]
    SettledAlready,
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Unavailable(_) => Self::new(
                ProblemCode::AuditUnavailable,
                "the audit cannot be written, so nothing was done; reading still works",
            ),
            AuditError::SettledAlready => Self::new(
                ProblemCode::Internal,
                "there is an operation of this id already; nothing was done by this call",
            ),
        }
    }
}

/// A sign-in or sign-out that was done.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The user's name, as it was given.
    pub user: String,
    /// From where.
    pub address: IpAddr,
    /// `sign-in` or `sign-out`.
    pub verb: &'static str,
}

/// The audit's streams. Clones share them.
#[derive(Debug, Clone)]
pub struct Audit {
    jetstream: Context,
    stream: Stream,
    refused_stream: Stream,
    sums: Arc<Mutex<Sums>>,
    clock: BusClock,
    failures: Counter,
}

impl Audit {
    /// Opens the streams, makes them if there are none. Lines are dated by this clock.
    ///
    /// # Errors
    /// When JetStream is away, or a stream of such a name is there with other settings.
    pub async fn open(
        jetstream: &Context,
        replicas: usize,
        clock: BusClock,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            clock,
            jetstream: jetstream.clone(),
            stream: open_stream(jetstream, AUDIT, DiscardPolicy::New, replicas).await?,
            refused_stream: open_stream(jetstream, AUDIT_REFUSED, DiscardPolicy::Old, replicas)
                .await?,
            sums: Arc::default(),
            failures: Counter::default(),
        })
    }

    /// How many lines could not be written since it was opened.
    #[must_use]
    pub fn failures(&self) -> Counter {
        self.failures.clone()
    }

    /// Writes an operation's first line.
    ///
    /// # Errors
    /// [`AuditError::Unavailable`]: then nothing may be done.
    pub async fn intend(
        &self,
        operation: &OperationId,
        entry: &Entry,
    ) -> Result<Sequence, AuditError> {
        self.append(operation, entry, Sequence(0)).await
    }

    /// Writes an operation's next line, after the one at `last`, so that of several writers only one gets through.
    ///
    /// # Errors
    /// See [`AuditError`].
    pub async fn append(
        &self,
        operation: &OperationId,
        entry: &Entry,
        last: Sequence,
    ) -> Result<Sequence, AuditError> {
        let message = PublishMessage::build().expected_last_subject_sequence(last.0);
        self.write(subject_of(operation), entry, message).await
    }

    /// Writes a sign-in or sign-out that was done.
    ///
    /// # Errors
    /// [`ProblemCode::AuditUnavailable`]: then nobody may be signed in.
    pub async fn sign_in(&self, sign_in: SignIn) -> Result<(), Problem> {
        let entry = Entry {
            time: self.clock.now(),
            user: shown_user(&sign_in.user),
            address: Some(sign_in.address),
            verb: sign_in.verb.to_owned(),
            target: None,
            operation_id: None,
            outcome: Outcome::Succeeded,
            detail: None,
            request_id: None,
            refused: None,
        };
        let written = self.write("audit.sign-in".to_owned(), &entry, PublishMessage::build());
        written.await.map(drop).map_err(Problem::from)
    }

    /// The newest line of an operation and where it stands; `None` if it has none. A line that cannot be read stands there all the
    /// same, and says nothing.
    ///
    /// # Errors
    /// [`AuditError::Unavailable`] when the stream does not answer in time.
    pub async fn newest(
        &self,
        operation: &OperationId,
    ) -> Result<Option<(Sequence, Option<Entry>)>, AuditError> {
        let last = self
            .stream
            .direct_get_last_for_subject(subject_of(operation));
        match tokio::time::timeout(ACK_WITHIN, last).await {
            Ok(Ok(line)) => {
                let entry = serde_json::from_slice(&line.payload).ok();
                Ok(Some((Sequence(line.sequence), entry)))
            }
            Ok(Err(error)) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            _ => Err(AuditError::Unavailable(None)),
        }
    }

    async fn write(
        &self,
        subject: String,
        entry: &Entry,
        message: PublishMessage,
    ) -> Result<Sequence, AuditError> {
        let json = serde_json::to_vec(entry).map_err(|_| AuditError::Unavailable(None))?;
        let message = message.payload(json.into());
        let acknowledged = async { self.jetstream.send_publish(subject, message).await?.await };
        match tokio::time::timeout(ACK_WITHIN, acknowledged).await {
            Ok(Ok(ack)) => Ok(Sequence(ack.sequence)),
            Ok(Err(error)) if error.kind() == PublishErrorKind::WrongLastSequence => {
                Err(AuditError::SettledAlready)
            }
            Ok(Err(error)) => {
                error!(%error, "the audit cannot be written");
                self.failures.inc();
                Err(AuditError::Unavailable(Some(error)))
            }
            Err(_) => {
                error!("the audit was not acknowledged in time");
                self.failures.inc();
                Err(AuditError::Unavailable(None))
            }
        }
    }
}

fn shown_user(user: &str) -> String {
    user.chars().take(USER_CHARACTERS).collect()
}

fn subject_of(operation: &OperationId) -> String {
    format!("audit.operation.{operation}")
}
