//! Deployments whose changes have not been published yet. Only their keys are queued: what is published is their state in the cache at
//! that time.

mod pace;

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use pace::Pace;

/// The changes of one process.
#[derive(Default)]
pub struct Changes {
    pace: Mutex<Pace>,
    noted: Notify,
    counted: AtomicU64,
}

impl Changes {
    /// Notes that the deployment of this key has changed.
    pub(super) fn note(&self, key: Box<str>) {
        self.pace().note(key);
        self.noted.notify_one();
    }

    /// The keys of at most `most` changes that may be published now; waits until there is one.
    pub async fn next(&self, most: usize) -> Vec<Box<str>> {
        loop {
            let (keys, due) = {
                let (mut pace, now) = (self.pace(), Instant::now());
                (pace.take(most, now), pace.due())
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

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock()
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
    async fn a_storm_of_one_is_told_at_once_then_twice_a_second_and_at_last() {
        let changes = Changes::default();
        let begun = Instant::now();
        let (storm, mut told) = (Duration::from_millis(2_100), Vec::new());
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
                    told.push(begun.elapsed());
                }
                () = tokio::time::sleep(Duration::from_secs(3)) => break,
            }
        }
        assert_eq!(told.len(), 6, "{told:?}");
        assert!(told[0] < Duration::from_millis(10));
        for pair in told.windows(2) {
            assert!(pair[1] - pair[0] >= Duration::from_millis(500), "{told:?}");
        }
        assert!(begun + told[5] >= last, "the last change is told");
    }

    #[tokio::test(start_paused = true)]
    async fn one_in_a_storm_holds_up_no_other_and_what_is_left_over_comes_next() {
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
