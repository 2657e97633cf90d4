//! Waiting for a lease, and holding one for as long as the work takes.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use tracing::debug;

use super::{HeldLease, Leased, Observed};
use crate::bucket::{Bucket, BucketError};
use crate::record::RecordKey as _;

impl<T: Leased> Bucket<T> {
    /// Looks at the lease of a record every so often until this replica has it; `None` once it is not wanted any more.
    pub async fn wait_for_lease(
        &self,
        key: &T::Key,
        every: Duration,
        is_wanted: impl Fn() -> bool,
    ) -> Option<HeldLease<T>> {
        let mut seen: Option<Observed<T>> = None;
        while is_wanted() {
            if let Ok(entry) = self.get_latest(key).await {
                let record = entry.record.ok().flatten();
                let is_new = seen
                    .as_ref()
                    .is_none_or(|seen| seen.revision != entry.revision);
                match record {
                    Some(record) if is_new => {
                        seen = Some(Observed::new(record, entry.revision, Instant::now()));
                    }
                    Some(_) => {}
                    None => seen = None,
                }
                match self.acquire_lease(key, seen.as_ref(), Instant::now()).await {
                    Ok(Some(held)) => return Some(held),
                    Ok(None) | Err(BucketError::Conflict { .. }) => {}
                    Err(error) => debug!(key = key.as_str(), %error, "a lease cannot be acquired"),
                }
            }
            sleep(every).await;
        }
        None
    }
}

impl<T: Leased> HeldLease<T> {
    /// Renews the lease three times in its term; returns when it is lost.
    pub async fn renew_until_lost(&mut self) {
        loop {
            sleep(T::TERM / 3).await;
            if let Err(BucketError::Conflict { .. }) = self.renew().await {
                return;
            }
        }
    }
}
