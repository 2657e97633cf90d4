//! A lease: the right of one replica to do something alone for a while, such as reading a cluster's list. It rides in a record of a
//! bucket, and is acquired, renewed and released by compare-and-set on that record's revision. There is neither a TTL nor a clock
//! in common: a replica that has seen no new revision for [`Leased::TERM`], on its own monotonic clock, may take the lease over. So a
//! lease gives liveness and no safety: what its holder writes in the end is a compare-and-set, too, and fails after a takeover.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::bucket::{Bucket, BucketError};
use super::record::Record;

mod wait;

#[cfg(test)]
mod tests;

/// A record that carries a lease, beside others of its fields or alone.
pub trait Leased: Record + Clone + Default {
    /// Without a new revision for this long the holder has died, or is too slow. A holder that needs longer renews three times within it.
    const TERM: Duration;

    /// The lease; `None` while it is free.
    fn lease(&self) -> Option<&Lease>;

    /// Where the lease stands.
    fn lease_mut(&mut self) -> &mut Option<Lease>;
}

/// The holder of a lease, as the record names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// A nonce of this acquisition: no other holder has it, nor the same replica another time.
    holder: String,
}

impl Lease {
    fn new() -> Self {
        let holder = format!("{:032x}", rand::random::<u128>());
        Self { holder }
    }
}

/// A record as an observer saw it last, and since when. A value: time is an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed<T> {
    /// The record.
    pub record: T,
    /// Its revision.
    pub revision: u64,
    /// When this revision came, on the observer's monotonic clock.
    since: Instant,
}

impl<T> Observed<T> {
    /// One that has just come.
    pub fn new(record: T, revision: u64, now: Instant) -> Self {
        Self {
            record,
            revision,
            since: now,
        }
    }

    /// For how long this revision has been the last one.
    #[must_use]
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }
}

impl<T: Leased> Observed<T> {
    /// Whether somebody holds the lease and has shown signs of life.
    #[must_use]
    pub fn is_leased(&self, now: Instant) -> bool {
        self.record.lease().is_some() && self.age(now) < T::TERM
    }
}

/// A lease that this replica has acquired. Dropped without a release, it blocks others for the rest of its term.
#[derive(Debug)]
pub struct HeldLease<T: Leased> {
    bucket: Bucket<T>,
    key: T::Key,
    record: T,
    revision: u64,
}

impl<T: Leased> Bucket<T> {
    /// Acquires the lease of a record, or takes it over, by what was last seen of the record; `None` while somebody else holds it.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] where the record is not the one that was seen any more: another replica was faster.
    pub async fn acquire_lease(
        &self,
        key: &T::Key,
        seen: Option<&Observed<T>>,
        now: Instant,
    ) -> Result<Option<HeldLease<T>>, BucketError> {
        if seen.is_some_and(|seen| seen.is_leased(now)) {
            return Ok(None);
        }
        let mut record = seen.map(|seen| seen.record.clone()).unwrap_or_default();
        *record.lease_mut() = Some(Lease::new());
        let revision = match seen {
            None => self.create(key, &record).await?,
            Some(seen) => self.update(key, &record, seen.revision).await?,
        };
        Ok(Some(HeldLease {
            bucket: self.clone(),
            key: key.clone(),
            record,
            revision,
        }))
    }
}

impl<T: Leased> HeldLease<T> {
    /// The key of the record.
    #[must_use]
    pub fn key(&self) -> &T::Key {
        &self.key
    }

    /// The record as this holder wrote it last.
    #[must_use]
    pub fn record(&self) -> &T {
        &self.record
    }

    /// The revision of that.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Begins the term anew.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] when the lease is lost. When the bucket does not answer, it may be tried again.
    pub async fn renew(&mut self) -> Result<(), BucketError> {
        let renewed = self.bucket.update(&self.key, &self.record, self.revision);
        let conflict = match renewed.await {
            Ok(revision) => {
                self.revision = revision;
                return Ok(());
            }
            Err(conflict @ BucketError::Conflict { .. }) => conflict,
            Err(error) => return Err(error),
        };
        // It may be this holder's own renewal whose acknowledgement was lost.
        let last = self.bucket.get_latest(&self.key).await?;
        match &last.record {
            Ok(Some(record)) if record.lease() == self.record.lease() => {
                self.revision = last.revision;
                Ok(())
            }
            _ => Err(conflict),
        }
    }

    /// Writes what the record is to be, and releases the lease with the same stroke; what stands there then, and its revision.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] when the lease is lost: then nothing was written.
    pub async fn complete(self, mut record: T) -> Result<(T, u64), BucketError> {
        *record.lease_mut() = None;
        let revision = self
            .bucket
            .update(&self.key, &record, self.revision)
            .await?;
        Ok((record, revision))
    }
}
