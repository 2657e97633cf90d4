//! The end of a lease in the bucket of runs.

use tracing::debug;

use crate::record::RunLease;
use storage::HeldLease;

/// Ends a lease, so that another replica need not wait for the end of its term.
pub async fn release(held: HeldLease<RunLease>) {
    let of = held.key().run.clone();
    if let Err(error) = held.complete(RunLease::default()).await {
        debug!(%of, %error, "a lease was not released");
    }
}
