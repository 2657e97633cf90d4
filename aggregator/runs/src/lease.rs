//! Waiting for a lease in the bucket of runs.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use tracing::debug;

use crate::key::{Leasing, RunKey};
use crate::record::RunLease;
use storage::{Bucket, BucketError, HeldLease, Observed};

/// Looks at a lease every so often until it is free; `None` once it is not wanted any more.
pub async fn acquire(
    leases: &Bucket<RunLease>,
    key: &RunKey<Leasing>,
    every: Duration,
    is_wanted: impl Fn() -> bool,
) -> Option<HeldLease<RunLease>> {
    let mut seen: Option<Observed<RunLease>> = None;
    while is_wanted() {
        if let Ok(entry) = leases.get_latest(key).await {
            let record = entry.record.ok().flatten();
            let is_new = seen
                .as_ref()
                .is_none_or(|seen| seen.revision != entry.revision);
            match record {
                Some(record) if is_new => {
                    seen = Some(Observed::new(record, entry.revision, Instant::now()))
                }
                Some(_) => {}
                None => seen = None,
            }
            match leases
                .acquire_lease(key, seen.as_ref(), Instant::now())
                .await
            {
                Ok(Some(held)) => return Some(held),
                Ok(None) | Err(BucketError::Conflict { .. }) => {}
                Err(error) => debug!(of = %key.run, %error, "a lease cannot be acquired"),
            }
        }
        sleep(every).await;
    }
    None
}

/// Ends a lease, so that another replica need not wait for the end of its term.
pub async fn release(held: HeldLease<RunLease>) {
    let of = held.key().run.clone();
    if let Err(error) = held.complete(RunLease::default()).await {
        debug!(%of, %error, "a lease was not released");
    }
}
