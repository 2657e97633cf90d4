//! Reads one stream of the audit backwards, from its newest line to older ones.

use std::time::Duration;

use async_nats::datetime::DateTime;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::Stream;
use futures::StreamExt;
use tracing::warn;

use super::Entry;
use diagnostics::{Problem, ProblemCode};

/// Lines read first: enough for most pages.
const FIRST_WINDOW: u64 = 500;

/// Most lines scanned for one page, so that a filter that matches nothing takes a bounded time. Those beyond the first window are read at
/// once: each window is a consumer, which costs the nats-server more than its lines.
const LOOKED_AT: u64 = 2_000;

/// A line of the stream.
#[derive(Debug)]
pub(super) struct Line {
    pub sequence: u64,
    pub stored_at: DateTime,
    pub entry: Entry,
}

#[derive(Debug)]
pub(super) struct Backward<'a> {
    stream: &'a Stream,
    first: u64,
    /// The oldest line to read.
    stop: u64,
    /// All lines from this one on were read.
    read_to: u64,
    /// How many lines the next window has.
    window: u64,
    /// Lines that were read and not taken yet, newest last.
    lines: Vec<Line>,
}

impl<'a> Backward<'a> {
    /// Lines older than the one at `before`.
    pub async fn begin(stream: &'a Stream, before: Option<u64>) -> Result<Self, Problem> {
        let state = stream.get_info().await.map_err(unavailable)?.state;
        let first = state.first_sequence.max(1);
        let end = before.unwrap_or(u64::MAX).min(state.last_sequence + 1);
        Ok(Self {
            stream,
            first,
            stop: end.saturating_sub(LOOKED_AT).max(first),
            read_to: end,
            window: FIRST_WINDOW,
            lines: Vec::new(),
        })
    }

    /// Reads until there is a line to take, within the limit.
    pub async fn fill(&mut self) -> Result<(), Problem> {
        while self.lines.is_empty() && self.read_to > self.stop {
            let start = self.read_to.saturating_sub(self.window).max(self.stop);
            self.lines = window(self.stream, start, self.read_to).await?;
            self.read_to = start;
            self.window = LOOKED_AT;
        }
        Ok(())
    }

    pub fn take(&mut self) -> Option<Line> {
        self.lines.pop()
    }

    /// Discards all remaining lines.
    pub fn close(&mut self) {
        self.read_to = self.end();
        self.lines.clear();
        self.first = self.read_to;
        self.stop = self.read_to;
    }

    /// When the line that is taken next was stored.
    pub fn stored_at(&self) -> Option<DateTime> {
        self.lines.last().map(|line| line.stored_at)
    }

    /// Lines older than the one at this sequence were not taken.
    pub fn end(&self) -> u64 {
        let newest = self.lines.last();
        newest.map_or(self.read_to, |line| line.sequence + 1)
    }

    pub fn has_older(&self) -> bool {
        self.end() > self.first
    }

    /// Whether there are lines that were not scanned for this page.
    pub fn is_at_limit(&self) -> bool {
        self.lines.is_empty() && self.has_older()
    }
}

/// The lines from `start` up to but not including `end`.
async fn window(stream: &Stream, start: u64, end: u64) -> Result<Vec<Line>, Problem> {
    let consumer = stream
        .create_consumer(pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: start,
            },
            ack_policy: AckPolicy::None,
            inactive_threshold: Duration::from_secs(5),
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        })
        .await
        .map_err(unavailable)?;
    let wanted = usize::try_from(end - start).unwrap_or(usize::MAX);
    let mut messages = consumer
        .fetch()
        .max_messages(wanted)
        .messages()
        .await
        .map_err(unavailable)?;
    let mut lines = Vec::with_capacity(wanted);
    while let Some(message) = messages.next().await {
        let message = message.map_err(|error| unavailable(std::io::Error::other(error)))?;
        let info = message
            .info()
            .map_err(|error| unavailable(std::io::Error::other(error)))?;
        let (sequence, stored_at) = (info.stream_sequence, info.published);
        // A line that cannot be read is skipped; see `records`.
        if let (Ok(entry), true) = (serde_json::from_slice(&message.payload), sequence < end) {
            lines.push(Line {
                sequence,
                stored_at,
                entry,
            });
        }
    }
    Ok(lines)
}

fn unavailable(error: impl std::error::Error) -> Problem {
    warn!(%error, "the audit cannot be read");
    Problem::new(
        ProblemCode::AuditUnavailable,
        "the audit cannot be read now; try again",
    )
}
