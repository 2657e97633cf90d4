//! A followed log: chunks come on a subject of their own, as many lines as this reader has granted.

use std::time::Duration;

use async_nats::Subscriber;
use bus_schema::subject::{self, FromAgent};
use bus_schema::timing::CREDIT_LEASE;
use bus_schema::verb::{LogReply, ReadLog};
use bus_schema::{ClusterName, LogChunk, LogCredit};
use futures::StreamExt;

use super::{Fleet, bus_unavailable, json, offline};
use crate::actor::Actor;
use crate::bus::Bus;
use crate::event_stream::Events;
use crate::problem::Problem;
use crate::registry::{Moment, Presence};

/// Lines that are under way to a reader at most.
const WINDOW: u32 = 1_000;

/// How often credit is renewed when no lines flow: well within the agent's lease.
const RENEW_EVERY: Duration = CREDIT_LEASE.checked_div(3).expect("three is not zero");

/// A log that is being followed. Dropped, it is closed at the agent too.
#[derive(Debug)]
pub struct FollowedLog {
    bus: Bus,
    fleet: std::sync::Arc<Fleet>,
    cluster: ClusterName,
    chunks: Subscriber,
    credit: String,
    expected: u64,
}

const FOREIGN: &str = "answered with a stream that is not its own";

impl Fleet {
    /// Begins to follow a log.
    ///
    /// # Errors
    /// See [`Fleet::ask`].
    pub async fn follow(
        self: &std::sync::Arc<Self>,
        actor: &Actor,
        cluster: &ClusterName,
        request: &ReadLog,
    ) -> Result<FollowedLog, Problem> {
        let LogReply::Stream { stream, credit, .. } = self.ask(actor, cluster, request).await?
        else {
            return Err(self.misbehaves(cluster, FOREIGN, None));
        };
        // An agent must not make this program listen to, or write to, another cluster's subjects.
        match subject::parse(&stream) {
            Some(FromAgent::Stream(named, id))
                if named == *cluster && subject::credit(cluster, &id) == credit => {}
            _ => return Err(self.misbehaves(cluster, FOREIGN, None)),
        }
        let chunks = self
            .bus
            .subscribe(&stream)
            .await
            .ok_or_else(bus_unavailable)?;
        let log = FollowedLog {
            bus: self.bus.clone(),
            fleet: std::sync::Arc::clone(self),
            cluster: cluster.clone(),
            chunks,
            credit,
            expected: 1,
        };
        log.grant(WINDOW).await;
        Ok(log)
    }
}

impl FollowedLog {
    /// The next chunk; `None` when there will be none, after `events` has been told why.
    pub async fn next(&mut self, events: &Events) -> Option<LogChunk> {
        loop {
            match tokio::time::timeout(RENEW_EVERY, self.chunks.next()).await {
                Ok(Some(message)) => match serde_json::from_slice::<LogChunk>(&message.payload) {
                    Ok(chunk) => return Some(self.counted(chunk)),
                    Err(error) => {
                        let what = "sent what is no part of a log";
                        let problem = self.fleet.misbehaves(&self.cluster, what, Some(&error));
                        events.problem(&problem).await;
                        return None;
                    }
                },
                Ok(None) => {
                    events.problem(&bus_unavailable()).await;
                    return None;
                }
                Err(_) if self.is_offline() => {
                    events.problem(&offline(&self.cluster)).await;
                    return None;
                }
                Err(_) => self.grant(0).await,
            }
        }
    }

    /// Grants as many lines again as the reader has taken.
    pub async fn taken(&self, lines: usize) {
        self.grant(u32::try_from(lines).unwrap_or(WINDOW)).await;
    }

    /// A chunk that was lost on the way counts as at least one dropped line, so that the gap shows.
    fn counted(&mut self, mut chunk: LogChunk) -> LogChunk {
        let missing = chunk.sequence.saturating_sub(self.expected);
        chunk.dropped = chunk.dropped.saturating_add(missing);
        self.expected = chunk.sequence.saturating_add(1);
        chunk
    }

    fn is_offline(&self) -> bool {
        self.fleet.registry().presence(&self.cluster, Moment::now()) == Some(Presence::Offline)
    }

    async fn grant(&self, lines: u32) {
        let credit = json(&LogCredit {
            lines,
            close: false,
        });
        self.bus.publish(self.credit.clone(), credit.into()).await;
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
