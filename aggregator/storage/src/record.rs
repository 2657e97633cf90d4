//! Records of a bucket: values of one type under keys of one type.

use std::fmt::Debug;
use std::hash::Hash;
use std::str::FromStr;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::Message;
use async_nats::jetstream::kv::{self, Operation};
use async_nats::jetstream::message::StreamMessage;
use bus_keys::streams::BucketSpec;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::is_marker;
use super::record_error::{RecordError, parse_key, parse_value};

/// The type of a bucket's records.
pub trait Record: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The bucket.
    const BUCKET: BucketSpec;

    /// The type of its key.
    type Key: RecordKey;

    /// A description of the key, for error texts.
    const KEY: &'static str;

    /// The keys of such records, as a NATS subject pattern.
    const FILTER: &'static str = ">";

    /// Time-out of each call.
    const WITHIN: Duration = Duration::from_secs(3);

    /// Whether the record belongs to this key.
    fn is_of(&self, key: &Self::Key) -> bool {
        let _ = key;
        true
    }

    /// Reads a record.
    ///
    /// # Errors
    /// What is wrong with it.
    fn parse(key: &str, value: &[u8]) -> Result<(Self::Key, Self), RecordError> {
        let key = parse_key(key, Self::KEY)?;
        let record: Self = parse_value(value)?;
        match record.is_of(&key) {
            true => Ok((key, record)),
            false => Err(RecordError::KeyMismatch),
        }
    }
}

/// The key of a record.
pub trait RecordKey: FromStr + Clone + Eq + Hash + Debug + Send + Sync + 'static {
    /// The key in the bucket.
    fn as_str(&self) -> &str;
}

impl RecordKey for bus_schema::ClusterName {
    fn as_str(&self) -> &str {
        self.as_str()
    }
}

impl RecordKey for bus_schema::OperationId {
    fn as_str(&self) -> &str {
        self.as_str()
    }
}

/// The entry of a key.
#[derive(Debug, Clone)]
pub struct Entry<T> {
    /// The last revision of the key, including deletions; 0 if there never was one.
    pub revision: u64,
    /// The time of that revision, by the nats-server's clock.
    pub created_at: Timestamp,
    /// The record; `None` if there is none. Readers skip one that cannot be read.
    pub record: Result<Option<T>, RecordError>,
}

impl<T: Record> Entry<T> {
    /// The entry of a key that never had a record.
    pub(super) fn never() -> Self {
        Self {
            revision: 0,
            created_at: Timestamp::UNIX_EPOCH,
            record: Ok(None),
        }
    }

    /// The entry in a message of a bucket's stream.
    pub(super) fn from_message(key: &str, message: &Message, revision: u64) -> Self {
        let record = read(key, message.headers.as_ref(), &message.payload);
        let published = message.info().map(|info| timestamp(info.published));
        Self {
            revision,
            created_at: published.unwrap_or_default(),
            record,
        }
    }

    /// The same of a message that was read from the stream.
    pub(super) fn from_stored(key: &str, message: &StreamMessage) -> Self {
        Self {
            revision: message.sequence,
            created_at: timestamp(message.time),
            record: read(key, Some(&message.headers), &message.payload),
        }
    }

    pub(super) fn from_kv(entry: kv::Entry) -> Self {
        let record = match entry.operation {
            Operation::Put => T::parse(&entry.key, &entry.value).map(|(_, record)| Some(record)),
            Operation::Delete | Operation::Purge => Ok(None),
        };
        Self {
            revision: entry.revision,
            created_at: timestamp(entry.created),
            record,
        }
    }

    /// Whether there is a record, readable or not.
    #[must_use]
    pub fn is_there(&self) -> bool {
        !matches!(self.record, Ok(None))
    }

    /// The record, or the default value if there is none or it cannot be read.
    #[must_use]
    pub fn record_or_default(self) -> T
    where
        T: Default,
    {
        self.record.ok().flatten().unwrap_or_default()
    }
}

fn read<T: Record>(
    key: &str,
    headers: Option<&HeaderMap>,
    payload: &[u8],
) -> Result<Option<T>, RecordError> {
    match is_marker(headers) {
        true => Ok(None),
        false => T::parse(key, payload).map(|(_, record)| Some(record)),
    }
}

fn timestamp(time: async_nats::datetime::DateTime) -> Timestamp {
    Timestamp::from_nanosecond(time.unix_timestamp_nanos()).unwrap_or_default()
}
