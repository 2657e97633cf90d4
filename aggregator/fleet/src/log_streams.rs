//! Followed logs: chunks arrive on a separate subject, with as many lines as the reader has granted. They are taken from the bus
//! immediately: chunks for a slow reader are buffered here, with a limit in bytes, and not in the client, which limits only the number
//! of messages.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, Subscriber};
use bus_schema::subject::{self, FromAgent};
use bus_schema::timing::CREDIT_LEASE;
use bus_schema::verb::{LogReply, ReadLog};
use bus_schema::{ClusterName, LogChunk, LogCredit};
use futures::StreamExt;

use super::agent_link::AgentLink;
use super::refusals::{bus_unavailable, offline};
use super::{Fleet, SharedRegistry, json};
use diagnostics::Problem;
use identity::Principal;
use registry::{Moment, Presence};
use storage::bus::Bus;

mod backlog;

use backlog::Backlog;

/// The maximum number of lines in flight to a reader.
const WINDOW: u32 = 1_000;

/// How often credit is renewed while no lines arrive: well within the agent's lease.
const RENEW_EVERY: Duration = CREDIT_LEASE.checked_div(3).expect("three is not zero");

/// A log that is being followed. Dropped, it is closed at the agent too.
#[derive(Debug)]
pub struct FollowedLog {
    bus: Bus,
    registry: Arc<SharedRegistry>,
    cluster: ClusterName,
    chunks: Subscriber,
    credit: String,
    expected: u64,
    /// Lines that the agent may still send.
    open: usize,
    /// The link's connection count when credit was last granted.
    connects: u64,
    backlog: Backlog,
    /// Why the log has ended.
    failed: Option<Problem>,
}

const FOREIGN: &str = "answered with a stream that is not its own";

/// Followed logs of all clusters.
#[derive(Debug)]
pub struct LogStreams {
    fleet: Arc<Fleet>,
    link: Arc<AgentLink>,
    registry: Arc<SharedRegistry>,
}

impl LogStreams {
    /// Follows logs of these clusters, with requests through this client.
    #[must_use]
    pub fn new(fleet: Arc<Fleet>, link: Arc<AgentLink>, registry: Arc<SharedRegistry>) -> Self {
        Self {
            fleet,
            link,
            registry,
        }
    }

    /// Starts to follow a log.
    ///
    /// # Errors
    /// See [`Fleet::ask`].
    pub async fn follow(
        &self,
        principal: &Principal,
        cluster: &ClusterName,
        request: &ReadLog,
    ) -> Result<FollowedLog, Problem> {
        let reply = self.fleet.ask(principal, cluster, request).await?;
        let LogReply::Stream { stream, credit } = reply else {
            return Err(self.registry.protocol_violation(cluster, FOREIGN, None));
        };
        // An agent must not make this program subscribe or publish to another cluster's subjects.
        match subject::parse(&stream) {
            Some(FromAgent::Stream(named, id))
                if named == *cluster && subject::credit(cluster, &id) == credit => {}
            _ => return Err(self.registry.protocol_violation(cluster, FOREIGN, None)),
        }
        let chunks = self
            .link
            .bus
            .subscribe(&stream)
            .await
            .ok_or_else(bus_unavailable)?;
        let mut log = FollowedLog {
            bus: self.link.bus.clone(),
            registry: Arc::clone(&self.registry),
            cluster: cluster.clone(),
            chunks,
            credit,
            expected: 1,
            open: 0,
            connects: self.link.bus.connects(),
            backlog: Backlog::default(),
            failed: None,
        };
        log.grant(WINDOW).await;
        Ok(log)
    }
}

impl FollowedLog {
    /// The next chunk. The call implies that the previous chunk was consumed, so its lines are granted again.
    ///
    /// # Errors
    /// Why there are no more chunks.
    pub async fn next(&mut self) -> Result<LogChunk, Problem> {
        let left = u32::try_from(self.backlog.left()).unwrap_or(WINDOW);
        if left > 0 && self.grant(left).await {
            self.backlog.granted();
        }
        loop {
            if let Some(chunk) = self.backlog.pop() {
                return Ok(chunk);
            }
            if let Some(problem) = self.failed.take() {
                return Err(problem);
            }
            self.receive().await;
        }
    }

    /// Receives chunks while the reader is busy.
    pub async fn during(&mut self, reading: impl Future<Output = ()>) {
        let mut reading = std::pin::pin!(reading);
        loop {
            tokio::select! {
                () = &mut reading => return,
                () = self.receive(), if self.failed.is_none() => {}
            }
        }
    }

    /// Waits for a message, or for the time to renew the credit. Cancel safe.
    async fn receive(&mut self) {
        match tokio::time::timeout(RENEW_EVERY, self.chunks.next()).await {
            Ok(Some(message)) => {
                let taken = self.take(&message);
                self.failed = taken.err();
            }
            Ok(None) => self.failed = Some(bus_unavailable()),
            Err(_) if self.is_offline() => self.failed = Some(offline(&self.cluster)),
            Err(_) => self.renew().await,
        }
    }

    /// Renews the agent's lease. After an interruption of the link, also grants the lines again that may have been lost.
    async fn renew(&mut self) {
        let connects = self.bus.connects();
        let lines = if connects == self.connects { 0 } else { WINDOW };
        if self.grant(lines).await {
            self.connects = connects;
        }
    }

    fn take(&mut self, message: &Message) -> Result<(), Problem> {
        let protocol_violation = |what| self.registry.protocol_violation(&self.cluster, what, None);
        let payload = &message.payload;
        if payload.len() > LogChunk::MAX_BYTES {
            return Err(protocol_violation(
                "sent a chunk of a log that is too large",
            ));
        }
        let chunk: LogChunk = serde_json::from_slice(payload).map_err(|error| {
            let what = "sent an invalid chunk of a log";
            self.registry
                .protocol_violation(&self.cluster, what, Some(&error))
        })?;
        let Some(open) = self.open.checked_sub(chunk.lines.len()) else {
            return Err(protocol_violation("sent more of a log than was requested"));
        };
        self.open = open;
        let chunk = self.counted(chunk);
        self.backlog.push(chunk, payload.len());
        Ok(())
    }

    /// A chunk that was lost in transit counts as at least one dropped line, so that the gap is visible.
    fn counted(&mut self, mut chunk: LogChunk) -> LogChunk {
        let missing = chunk.sequence.saturating_sub(self.expected);
        chunk.dropped = chunk.dropped.saturating_add(missing);
        self.expected = chunk.sequence.saturating_add(1);
        chunk
    }

    fn is_offline(&self) -> bool {
        self.registry.read().presence(&self.cluster, Moment::now()) == Some(Presence::Offline)
    }

    /// Returns whether the credit was sent. It counts in any case: it may be sent later.
    async fn grant(&mut self, lines: u32) -> bool {
        let credit = json(&LogCredit {
            lines,
            close: false,
        });
        self.open = self.open.saturating_add(lines as usize);
        self.bus.publish(self.credit.clone(), credit.into()).await
    }
}

impl Drop for FollowedLog {
    fn drop(&mut self) {
        let (bus, subject) = (self.bus.clone(), self.credit.clone());
        let close = json(&LogCredit {
            lines: 0,
            close: true,
        });
        tokio::spawn(async move { bus.publish(subject, close.into()).await });
    }
}
