//! Reads all records of a bucket, and the newest lines of the audit, to find those that cannot be read.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::{Context, Message};
use bus_keys::streams::{AUDIT, AUDIT_REFUSED, BUCKETS};
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::UnreadableRecords;
use super::check::check;
use fleet::inventory::Manifest;
use storage::{Record, RecordError, Replay, ReplayError, is_marker};

/// What the audit's streams are called where buckets are.
pub(super) const AUDITS: [&str; 2] = ["audit", "audit-refused"];

/// Lines of the audit that are read at first; older ones were read when they were new.
const AUDIT_LINES: u64 = 10_000;

/// What was taken out with the server's own tools is not delivered to a follower.
const READ_AGAIN_EVERY: Duration = Duration::from_secs(5 * 60);

const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The buckets, and the audit's streams.
pub(super) fn buckets() -> impl Iterator<Item = &'static str> {
    BUCKETS.into_iter().map(|bucket| bucket.name).chain(AUDITS)
}

/// A bucket, or one of the audit's streams, as a stream.
#[derive(Debug, Clone, Copy)]
pub struct Source(&'static str);

/// A record that cannot be read.
#[derive(Debug)]
pub struct BadRecord {
    /// Its key; the sequence of a line of the audit.
    pub key: String,
    /// Where it stands in the stream.
    pub sequence: u64,
    /// What is wrong with it.
    pub error: RecordError,
}

/// Keeps `unreadable` up to date forever.
pub fn watch(jetstream: &Context, unreadable: &UnreadableRecords) {
    for source in Source::all() {
        let (jetstream, unreadable) = (jetstream.clone(), unreadable.clone());
        tokio::spawn(async move {
            loop {
                let followed = follow(&jetstream, source, &unreadable);
                if let Ok(Err(error)) = timeout(READ_AGAIN_EVERY, Box::pin(followed)).await {
                    debug!(source = source.0, %error, "cannot check the records; retrying");
                }
                sleep(TRY_AGAIN_AFTER).await;
            }
        });
    }
}

/// All records of one source that cannot be read.
///
/// # Errors
/// When JetStream does not answer.
pub async fn find(jetstream: &Context, source: Source) -> Result<Vec<BadRecord>, ReplayError> {
    let mut replay = Box::pin(source.open(jetstream)).await?;
    let mut found = Vec::new();
    while !replay.is_caught_up() {
        let (message, sequence) = replay.next().await?;
        let (key, error) = source.checked(&message, sequence);
        found.extend(error.map(|error| BadRecord {
            key,
            sequence,
            error,
        }));
    }
    Ok(found)
}

async fn follow(
    jetstream: &Context,
    source: Source,
    unreadable: &UnreadableRecords,
) -> Result<(), ReplayError> {
    let mut replay = source.open(jetstream).await?;
    let (mut bad, mut is_whole) = (BTreeSet::new(), false);
    loop {
        if replay.is_caught_up() && !is_whole {
            unreadable.retain(source.0, &bad);
            (bad, is_whole) = (BTreeSet::new(), true);
        }
        let (message, sequence) = replay.next().await?;
        let (key, error) = source.checked(&message, sequence);
        match error {
            Some(error) => {
                unreadable.add(source.0, &key, error);
                if !is_whole {
                    bad.insert(key);
                }
            }
            None => unreadable.remove(source.0, &key),
        }
    }
}

impl Source {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        buckets().map(Self)
    }

    /// As it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0
    }

    /// Whether nothing is ever deleted from it.
    #[must_use]
    pub fn is_audit(self) -> bool {
        AUDITS.contains(&self.0)
    }

    async fn open(self, jetstream: &Context) -> Result<Replay, ReplayError> {
        let (stream, filter) = match self.0 {
            "audit" => (AUDIT.name.to_owned(), AUDIT.subjects.to_owned()),
            "audit-refused" => (
                AUDIT_REFUSED.name.to_owned(),
                AUDIT_REFUSED.subjects.to_owned(),
            ),
            // The parts of the lists are checked where they are read.
            "inventory" => (
                Manifest::BUCKET.stream(),
                format!("$KV.inventory.{}", Manifest::FILTER),
            ),
            bucket => (format!("KV_{bucket}"), format!("$KV.{bucket}.>")),
        };
        let stream = jetstream.get_stream(stream).await?;
        let last = stream.cached_info().state.last_sequence;
        let policy = match self.is_audit() {
            true => DeliverPolicy::ByStartSequence {
                start_sequence: last.saturating_sub(AUDIT_LINES).max(1),
            },
            false => DeliverPolicy::LastPerSubject,
        };
        let description = "records that cannot be read";
        Replay::open(jetstream, &stream, filter, policy, description).await
    }

    /// The record's key, and what is wrong with it.
    fn checked(self, message: &Message, sequence: u64) -> (String, Option<RecordError>) {
        let key = match self.is_audit() {
            true => sequence.to_string(),
            false => {
                let key = message.subject.strip_prefix(&format!("$KV.{}.", self.0));
                key.unwrap_or(message.subject.as_str()).to_owned()
            }
        };
        let error = match is_marker(message.headers.as_ref()) {
            true => None,
            false => check(self.0, &key, &message.payload).err(),
        };
        (key, error)
    }
}
