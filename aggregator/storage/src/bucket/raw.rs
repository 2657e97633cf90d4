//! Values of a bucket that are not records, and reads from the bucket's leader.

use async_nats::jetstream::kv::PurgeErrorKind;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use bytes::Bytes;

use super::{Bucket, BucketError, TRIES};
use crate::record::{Entry, Record, RecordKey};
use crate::{MARKERS_LAST, is_marker};

impl<T: Record> Bucket<T> {
    /// The bytes under a key that is not a record's.
    ///
    /// # Errors
    /// [`BucketError::Unavailable`]
    pub async fn get_bytes(&self, key: &str) -> Result<Option<Bytes>, BucketError> {
        self.within(self.store.get(key)).await
    }

    /// Writes such bytes; returns their revision.
    ///
    /// # Errors
    /// [`BucketError::Unavailable`]
    pub async fn put_bytes(&self, key: &str, bytes: Bytes) -> Result<u64, BucketError> {
        self.written(self.store.put(key, bytes), |_| false).await
    }

    /// Deletes the value of a key with its history; returns whether there was one. Writes nothing if there was none: a caller who makes up
    /// keys could otherwise fill the bucket with deletion markers.
    ///
    /// # Errors
    /// [`BucketError::Unavailable`]
    pub async fn purge_key(&self, key: &str) -> Result<bool, BucketError> {
        for _ in 0..TRIES {
            let last = self.last_message(key).await?;
            let Some(last) = last.filter(|last| !is_marker(Some(&last.headers))) else {
                return Ok(false);
            };
            let config = &self.store.stream.cached_info().config;
            let markers_last = config.subject_delete_marker_ttl.unwrap_or(MARKERS_LAST);
            let purged =
                self.store
                    .purge_expect_revision_with_ttl(key, last.sequence, markers_last);
            let is_conflict = |kind: &PurgeErrorKind| *kind == PurgeErrorKind::WrongLastRevision;
            match self.written(purged, is_conflict).await {
                Ok(()) => return Ok(true),
                Err(BucketError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(self.conflict())
    }

    /// The entry of a key, read from the leader: another server, which may answer [`Bucket::get`], may not have it yet.
    ///
    /// # Errors
    /// [`BucketError::Unavailable`]
    pub async fn get_latest(&self, key: &T::Key) -> Result<Entry<T>, BucketError> {
        let last = self.last_message(key.as_str()).await?;
        Ok(last.map_or_else(Entry::never, |last| Entry::from_stored(key.as_str(), &last)))
    }

    async fn last_message(&self, key: &str) -> Result<Option<StreamMessage>, BucketError> {
        let subject = format!("{}{key}", self.store.prefix);
        let last = self.store.stream.get_last_raw_message_by_subject(&subject);
        let last = async {
            match last.await {
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
                last => last.map(Some),
            }
        };
        self.within(last).await
    }
}
