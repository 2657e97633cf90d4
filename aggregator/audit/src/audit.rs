//! The streams of the audit. An intent is acknowledged before anything is done.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{DirectGetErrorKind, DiscardPolicy, Stream};
use bus_keys::streams::{AUDIT, AUDIT_REFUSED};
use bus_schema::OperationId;
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use serde::{Deserialize, Serialize};
use tracing::error;

use super::entry::shown_user;
use super::sums::Sums;
use super::{AuditError, Entry, Outcome};
use diagnostics::Problem;
use storage::bus::BusClock;
use storage::{StoreError, open_stream};

/// A line in the stream, by its sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence(pub u64);

/// How long an acknowledgement may take.
const ACK_WITHIN: Duration = Duration::from_secs(3);

/// A sign-in or sign-out that was done.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The user's name, as entered.
    pub user: String,
    /// Where the request came from.
    pub address: IpAddr,
    /// `sign-in` or `sign-out`.
    pub verb: &'static str,
}

/// The audit's streams. Clones share them.
#[derive(Debug, Clone)]
pub struct Audit {
    jetstream: Context,
    pub(super) stream: Stream,
    pub(super) refused_stream: Stream,
    pub(super) sums: Arc<Mutex<Sums>>,
    clock: BusClock,
    failures: Counter,
}

impl Audit {
    /// Opens the streams, creating them if they are missing. Lines get their time from this clock.
    ///
    /// # Errors
    /// When JetStream is unavailable, or a stream exists with other settings.
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

    /// Number of lines that could not be written since the start.
    #[must_use]
    pub fn failures(&self) -> Counter {
        self.failures.clone()
    }

    /// Writes an operation's first line.
    ///
    /// # Errors
    /// [`AuditError::Unavailable`]: the operation must not be started.
    pub async fn intend(
        &self,
        operation: &OperationId,
        entry: &Entry,
    ) -> Result<Sequence, AuditError> {
        self.append(operation, entry, Sequence(0)).await
    }

    /// Writes an operation's next line, after the one at `last`, so that only one of several concurrent writers succeeds.
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
    /// [`ProblemCode::AuditUnavailable`]: the sign-in must be refused.
    pub async fn sign_in(&self, sign_in: SignIn) -> Result<(), Problem> {
        let entry = Entry {
            time: self.clock.now(),
            user: shown_user(&sign_in.user),
            address: Some(sign_in.address),
            verb: sign_in.verb.to_owned(),
            target: None,
            operation_id: None,
            reason: None,
            run_id: None,
            outcome: Outcome::Succeeded,
            detail: None,
            request_id: None,
            refused: None,
        };
        let written = self.write("audit.sign-in".to_owned(), &entry, PublishMessage::build());
        written.await.map(drop).map_err(Problem::from)
    }

    /// The newest line of an operation and its sequence; `None` if it has none. A line that cannot be read has a sequence but no content.
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

    pub(super) async fn write(
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

fn subject_of(operation: &OperationId) -> String {
    format!("audit.operation.{operation}")
}
