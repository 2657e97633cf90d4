//! Taking a key out of a bucket, without a trace where there is none.

use async_nats::jetstream::kv;
use async_nats::jetstream::stream::LastRawMessageErrorKind;

use super::{MARKERS_LAST, is_marker};

/// Others may change the same key at the same moment.
const TRIES: usize = 10;

/// A key was not purged.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// The bucket does not answer.
    #[error("the bucket cannot be read")]
    NotRead(#[source] async_nats::jetstream::stream::LastRawMessageError),
    /// The bucket does not take it.
    #[error("the bucket does not take the change")]
    NotWritten(#[source] kv::PurgeError),
    /// Others change the key all the time.
    #[error("others change the key at the same time")]
    Contended,
}

/// Purges a key; whether it had a value. Nothing is written for one that has none: whoever makes up keys would fill the bucket with
/// the markers of their purges.
///
/// # Errors
/// See [`PurgeError`].
pub async fn purge(bucket: &kv::Store, key: &str) -> Result<bool, PurgeError> {
    let subject = format!("{}{key}", bucket.prefix);
    for _ in 0..TRIES {
        // Of the leader: another server may not have the key yet.
        let last = bucket.stream.get_last_raw_message_by_subject(&subject);
        let last = match last.await {
            Ok(last) => last,
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                return Ok(false);
            }
            Err(error) => return Err(PurgeError::NotRead(error)),
        };
        if is_marker(Some(&last.headers)) {
            return Ok(false);
        }
        let markers_last = bucket.stream.cached_info().config.subject_delete_marker_ttl;
        let markers_last = markers_last.unwrap_or(MARKERS_LAST);
        let purged = bucket.purge_expect_revision_with_ttl(key, last.sequence, markers_last);
        match purged.await {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == kv::PurgeErrorKind::WrongLastRevision => {}
            Err(error) => return Err(PurgeError::NotWritten(error)),
        }
    }
    Err(PurgeError::Contended)
}
