//! Reads all records of a bucket, and the newest lines of the audit, to find those that cannot be read.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::push::{Ordered, OrderedConfig};
use async_nats::jetstream::{Context, Message};
use bus_keys::{AUDIT_STREAM, BUCKETS, REFUSED_STREAM};
use futures::StreamExt as _;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::check::check;
use super::{RecordError, UnreadableRecords};
use crate::store::is_marker;

/// What the audit's streams are called where buckets are.
pub(super) const AUDITS: [&str; 2] = ["audit", "audit-refused"];

/// Lines of the audit that are read at first; older ones were read when they were new.
const AUDIT_LINES: u64 = 10_000;

/// What was taken out with the server's own tools is not told to whoever follows.
const READ_AGAIN_EVERY: Duration = Duration::from_secs(5 * 60);

const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The buckets, and the audit's streams.
pub(super) fn buckets() -> impl Iterator<Item = &'static str> {
    BUCKETS.into_iter().chain(AUDITS)
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

/// The records so far, how many of them there are, and then each new one.
struct Records {
    messages: Ordered,
    pending: u64,
}

/// Keeps `unreadable` up to date for ever.
pub fn watch(jetstream: &Context, unreadable: &UnreadableRecords) {
    for source in Source::all() {
        let (jetstream, unreadable) = (jetstream.clone(), unreadable.clone());
        tokio::spawn(async move {
            loop {
                let followed = follow(&jetstream, source, &unreadable);
                if let Ok(Err(error)) = timeout(READ_AGAIN_EVERY, Box::pin(followed)).await {
                    debug!(source = source.0, %error, "records are not checked; trying again");
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
pub async fn find(jetstream: &Context, source: Source) -> Result<Vec<BadRecord>, Error> {
    let Records {
        mut messages,
        mut pending,
    } = Box::pin(source.open(jetstream)).await?;
    let mut found = Vec::new();
    while pending > 0 {
        let message = messages.next().await.ok_or("the records ended")??;
        let (checked, left) = source.checked(&message)?;
        pending = left;
        let Checked {
            key,
            sequence,
            error,
        } = checked;
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
) -> Result<(), Error> {
    let Records {
        mut messages,
        mut pending,
    } = source.open(jetstream).await?;
    let (mut bad, mut is_whole) = (BTreeSet::new(), false);
    loop {
        if pending == 0 && !is_whole {
            unreadable.retain(source.0, &bad);
            (bad, is_whole) = (BTreeSet::new(), true);
        }
        let Some(message) = messages.next().await else {
            return Ok(());
        };
        let (checked, left) = source.checked(&message?)?;
        pending = left;
        let Checked { key, error, .. } = checked;
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

struct Checked {
    key: String,
    sequence: u64,
    error: Option<RecordError>,
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

    async fn open(self, jetstream: &Context) -> Result<Records, Error> {
        let (stream, filter) = match self.0 {
            "audit" => (AUDIT_STREAM.to_owned(), "audit.>".to_owned()),
            "audit-refused" => (REFUSED_STREAM.to_owned(), "audit-refused.>".to_owned()),
            // One token: the parts of the lists have more, and are checked where they are read.
            "inventory" => ("KV_inventory".to_owned(), "$KV.inventory.*".to_owned()),
            bucket => (format!("KV_{bucket}"), format!("$KV.{bucket}.>")),
        };
        let stream = jetstream.get_stream(stream).await?;
        let last = stream.cached_info().state.last_sequence;
        let deliver_policy = match self.is_audit() {
            true => DeliverPolicy::ByStartSequence {
                start_sequence: last.saturating_sub(AUDIT_LINES).max(1),
            },
            false => DeliverPolicy::LastPerSubject,
        };
        let consumer = stream.create_consumer(OrderedConfig {
            deliver_subject: jetstream.client().new_inbox(),
            description: Some("records that cannot be read".to_owned()),
            filter_subject: filter,
            deliver_policy,
            ..OrderedConfig::default()
        });
        let consumer = consumer.await?;
        let pending = consumer.cached_info().num_pending;
        let messages = consumer.messages().await?;
        Ok(Records { messages, pending })
    }

    fn checked(self, message: &Message) -> Result<(Checked, u64), Error> {
        let info = message.info()?;
        let (sequence, pending) = (info.stream_sequence, info.pending);
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
        let checked = Checked {
            key,
            sequence,
            error,
        };
        Ok((checked, pending))
    }
}
