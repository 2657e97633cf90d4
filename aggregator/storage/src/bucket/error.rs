//! Why a call to a bucket failed.

/// Why a bucket was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// It does not answer. A change may have been made all the same.
    #[error("the bucket {bucket} does not answer")]
    Unavailable {
        /// The bucket.
        bucket: &'static str,
        /// Why not; absent after a time-out.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Somebody else has changed the record meanwhile.
    #[error("the record in the bucket {bucket} was changed concurrently")]
    Conflict {
        /// The bucket.
        bucket: &'static str,
    },
}
