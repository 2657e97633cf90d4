//! Workloads whose changes have not been published yet. Only their keys are queued: what is published is their state in the cache at
//! that time.

mod rate_limit;

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use rate_limit::RateLimit;

/// The changes of one process.
#[derive(Default)]
pub struct Changes {
    rate_limit: Mutex<RateLimit>,
    noted: Notify,
    counted: AtomicU64,
}

impl Changes {
    /// Notes that the workload of this key has changed.
    pub(super) fn note(&self, key: Box<str>) {
        self.rate_limit().note(key);
        self.noted.notify_one();
    }

    /// The keys of at most `most` changes that may be published now; waits until there is one.
    pub async fn next(&self, most: usize) -> Vec<Box<str>> {
        loop {
            let (keys, due) = {
                let (mut rate_limit, now) = (self.rate_limit(), Instant::now());
                (rate_limit.take(most, now), rate_limit.due())
            };
            if !keys.is_empty() {
                return keys;
            }
            let due = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.noted.notified() => {}
                () = due => {}
            }
        }
    }

    /// Counts changes that are sent or cannot be sent; returns the number of the last one.
    pub fn count(&self, changes: u64) -> u64 {
        self.counted.fetch_add(changes, Ordering::Relaxed) + changes
    }

    /// The number of the last change.
    pub fn counted(&self) -> u64 {
        self.counted.load(Ordering::Relaxed)
    }

    fn rate_limit(&self) -> MutexGuard<'_, RateLimit> {
        self.rate_limit.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use tokio::time::timeout;

    /// The next keys, with a timeout that nothing here reaches.
    async fn next(changes: &Changes, most: usize) -> Vec<Box<str>> {
        let next = timeout(Duration::from_secs(10), changes.next(most)).await;
        next.expect("something comes")
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_one_deployment_is_published_at_once_then_twice_a_second_with_its_last_state()
     {
        let changes = Changes::default();
        let begun = Instant::now();
        let (storm, mut published) = (Duration::from_millis(2_100), Vec::new());
        let mut patches = tokio::time::interval(Duration::from_millis(10));
        let mut last = begun;
        while begun.elapsed() < storm + Duration::from_secs(2) {
            tokio::select! {
                biased;
                _ = patches.tick(), if begun.elapsed() < storm => {
                    changes.note("a".into());
                    last = Instant::now();
                }
                keys = changes.next(10) => {
                    assert_eq!(keys, ["a".into()]);
                    published.push(begun.elapsed());
                }
                () = tokio::time::sleep(Duration::from_secs(3)) => break,
            }
        }
        assert_eq!(published.len(), 6, "{published:?}");
        assert!(published[0] < Duration::from_millis(10));
        for pair in published.windows(2) {
            assert!(
                pair[1] - pair[0] >= Duration::from_millis(500),
                "{published:?}"
            );
        }
        assert!(begun + published[5] >= last, "the last change is published");
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_one_deployment_delays_no_other_and_the_rest_comes_next() {
        let changes = Changes::default();
        changes.note("a".into());
        assert_eq!(next(&changes, 10).await, ["a".into()]);
        changes.note("a".into());
        for key in ["b", "c", "b", "d"] {
            changes.note(key.into());
        }
        let begun = Instant::now();
        assert_eq!(next(&changes, 2).await, ["b", "c"].map(Into::into));
        assert_eq!(next(&changes, 2).await, ["d".into()]);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!(next(&changes, 2).await, ["a".into()]);
        assert!(begun.elapsed() >= Duration::from_millis(499));
    }
}
