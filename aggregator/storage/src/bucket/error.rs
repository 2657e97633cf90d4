//! Why a call to a bucket failed.

/// Why a bucket was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// It does not answer. A change may have been made nevertheless.
    #[error("the bucket {bucket} does not answer")]
    Unavailable {
        /// The bucket.
        bucket: &'static str,
        /// Why not; absent after a time-out.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The record was changed concurrently.
    #[error("the record in the bucket {bucket} was changed concurrently")]
    Conflict {
        /// The bucket.
        bucket: &'static str,
    },
}
