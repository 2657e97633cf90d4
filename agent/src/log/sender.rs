//! Sends one followed log to its reader, limited by the reader's credit, and finally reports why it ends.

use std::sync::Arc;

use async_nats::{Client, Message, Subscriber};
use bus_schema::timing::{CREDIT_LEASE, FIRST_CREDIT_WITHIN};
use bus_schema::{LogChunk, LogCredit, StreamEnd};
use futures::StreamExt;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::buffer::Buffer;
use super::lines::TEXT;
use crate::bus::publisher;

/// Lines and bytes of one chunk.
const CHUNK_LINES: usize = 500;
const CHUNK_BYTES: usize = 64 * 1024;

// A character that JSON escapes takes six bytes; the names beside the text take some hundred bytes.
const _: () = assert!(CHUNK_BYTES < LogChunk::MAX_BYTES && TEXT * 6 + 1024 < LogChunk::MAX_BYTES);

/// The sender of one followed log.
pub struct Sender {
    pub client: Client,
    pub subject: String,
    pub credits: Subscriber,
    pub buffer: Arc<Buffer>,
    pub credit: usize,
    pub sequence: u64,
}

impl Sender {
    /// Sends until the reader closes the log, grants no credit for too long, `follow` ends or `stop` is triggered. Following starts
    /// with the first credit: before that there is no subscriber.
    pub async fn run(mut self, follow: impl Future<Output = StreamEnd>, stop: CancellationToken) {
        let mut follow = std::pin::pin!(follow);
        let mut lease = Instant::now() + FIRST_CREDIT_WITHIN;
        let mut begun = false;
        let end = loop {
            tokio::select! {
                () = stop.cancelled() => break StreamEnd::Leaving,
                () = sleep_until(lease) => break StreamEnd::Idle,
                credit = self.credits.next() => {
                    if self.granted(credit) {
                        break StreamEnd::Closed;
                    }
                    lease = Instant::now() + CREDIT_LEASE;
                    begun = true;
                }
                end = &mut follow, if begun => break end,
                () = self.buffer.filled(), if self.credit > 0 => self.send(None).await,
            }
        };
        self.send(Some(end)).await;
    }

    /// Adds credit; returns whether the reader has closed the log instead. A message that cannot be parsed grants nothing.
    fn granted(&mut self, message: Option<Message>) -> bool {
        let Some(message) = message else {
            return true;
        };
        match serde_json::from_slice::<LogCredit>(&message.payload) {
            Ok(credit) => {
                self.credit = self.credit.saturating_add(credit.lines as usize);
                credit.close
            }
            Err(error) => {
                tracing::debug!(%error, "cannot parse a credit");
                false
            }
        }
    }

    async fn send(&mut self, end: Option<StreamEnd>) {
        let taken = self.buffer.take(self.credit.min(CHUNK_LINES), CHUNK_BYTES);
        self.credit -= taken.lines.len();
        self.sequence += 1;
        // What is left at the end will never be sent.
        let left = end.map_or(0, |_| self.buffer.len() as u64);
        let chunk = LogChunk {
            sequence: self.sequence,
            lines: taken.lines,
            containers: taken.containers,
            dropped: taken.dropped + left,
            not_followed: taken.not_followed,
            end,
        };
        publisher::publish(&self.client, &self.subject, &chunk, "a chunk of a log").await;
    }
}
