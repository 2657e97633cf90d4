//! Keeps a copy of a bucket in memory up to date: all of it first, then each change. After every interruption all of it again, since
//! records may have expired or been deleted, or the bucket been emptied or made anew, without any message about it.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::datetime::DateTime;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tracing::{info, warn};

use super::StoreError;
use super::bucket::Bucket;
use super::record::{Entry, Record};
use super::replay::Replay;

const READ_WITHIN: Duration = Duration::from_secs(30);

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How often to look whether the connection is still the same one.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Somebody may empty the bucket with the server's own tools, of which watchers get no message.
const RESYNC_EVERY: Duration = Duration::from_mins(5);

/// What a watcher is given.
#[derive(Debug)]
pub enum WatchEvent<T: Record> {
    /// The bucket is not the one that was watched before: its revisions begin anew.
    Replaced,
    /// What stands under a key now. After an interruption it may be what was there before.
    Changed(T::Key, Entry<T>),
    /// Everything that stands in the bucket was given; what else is known is gone.
    Synced(Snapshot<T::Key>),
}

/// What stood in the bucket at one moment.
#[derive(Debug)]
pub struct Snapshot<K> {
    keys: HashSet<K>,
    /// The last revision that is certainly among them; none where revisions of before mean nothing.
    covered: Option<u64>,
}

impl<K: std::hash::Hash + Eq> Snapshot<K> {
    /// Whether a record of this revision is still there: one that was written here after the snapshot was begun is not among the keys,
    /// and its message is on the way.
    #[must_use]
    pub fn has(&self, key: &K, revision: u64) -> bool {
        self.keys.contains(key) || self.covered.is_some_and(|covered| revision > covered)
    }
}

/// A watch of one bucket.
#[derive(Debug)]
pub struct Watch<T> {
    bucket: Bucket<T>,
    /// When the bucket was made: revisions of another one mean nothing in this one.
    incarnation: Option<DateTime>,
}

/// What follows on a snapshot, and the number of the connection over which it comes.
pub struct Changes {
    replay: Replay,
    connection: u64,
}

impl<T: Record> Bucket<T> {
    /// Follows the bucket, see [`Watch`].
    #[must_use]
    pub fn watch(&self) -> Watch<T> {
        Watch::new(self.clone())
    }
}

impl<T: Record> Watch<T> {
    fn new(bucket: Bucket<T>) -> Self {
        Self {
            bucket,
            incarnation: None,
        }
    }

    /// Reads the whole bucket, and gives what follows, for [`Watch::run`].
    ///
    /// # Errors
    /// When JetStream does not answer in time.
    pub async fn sync(
        &mut self,
        on: &mut impl FnMut(WatchEvent<T>),
    ) -> Result<Changes, StoreError> {
        // On the heap, as in `storage`: it is large.
        let synced = timeout(READ_WITHIN, Box::pin(self.read_all(on))).await;
        synced.unwrap_or_else(|_| Err(self.not_opened("the bucket was not read in time".into())))
    }

    /// Keeps up with the bucket, for good.
    pub async fn run(mut self, synced: Option<Changes>, mut on: impl FnMut(WatchEvent<T>)) {
        let mut next = synced;
        loop {
            let mut changes = match next.take() {
                Some(changes) => changes,
                None => self.sync_with_retries(&mut on).await,
            };
            let reason = self.apply(&mut changes, &mut on).await;
            info!(
                bucket = self.bucket.name(),
                reason, "reading the bucket again"
            );
        }
    }

    async fn sync_with_retries(&mut self, on: &mut impl FnMut(WatchEvent<T>)) -> Changes {
        let mut is_reported = false;
        loop {
            match self.sync(on).await {
                Ok(changes) => {
                    if is_reported {
                        info!(bucket = self.bucket.name(), "watching the bucket again");
                    }
                    return changes;
                }
                Err(error) if is_reported => drop(error),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    let bucket = self.bucket.name();
                    warn!(
                        bucket,
                        error,
                        "cannot watch the bucket; retrying. Changes by other replicas are not seen meanwhile"
                    );
                    is_reported = true;
                }
            }
            sleep(RETRY_AFTER).await;
        }
    }

    async fn read_all(
        &mut self,
        on: &mut impl FnMut(WatchEvent<T>),
    ) -> Result<Changes, StoreError> {
        let connection = self.connection();
        self.bucket = self.bucket.reopened().await?;
        let info = self.bucket.info();
        let (created, covered) = (info.created, info.state.last_sequence);
        let replay = self.bucket.replay().await;
        let mut replay = replay.map_err(|error| self.not_opened(error))?;
        let before = self.incarnation.replace(created);
        if before.is_some_and(|before| before != created) {
            on(WatchEvent::Replaced);
        }
        let mut keys = HashSet::new();
        while !replay.is_caught_up() {
            let next = replay.next().await;
            let (message, revision) = next.map_err(|error| self.not_opened(error))?;
            let Some((key, entry)) = self.bucket.entry(&message, revision) else {
                continue;
            };
            if entry.is_there() {
                keys.insert(key.clone());
            }
            on(WatchEvent::Changed(key, entry));
        }
        on(WatchEvent::Synced(Snapshot {
            keys,
            covered: (before == Some(created)).then_some(covered),
        }));
        Ok(Changes { replay, connection })
    }

    /// Goes on until all must be read again, and says why.
    async fn apply(
        &self,
        changes: &mut Changes,
        on: &mut impl FnMut(WatchEvent<T>),
    ) -> &'static str {
        let since = Instant::now();
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                next = changes.replay.next() => match next {
                    Ok((message, revision)) => {
                        if let Some((key, entry)) = self.bucket.entry(&message, revision) {
                            on(WatchEvent::Changed(key, entry));
                        }
                    }
                    Err(_) => return "the watch was interrupted",
                },
                _ = looks.tick() => {
                    if self.connection() != changes.connection {
                        return "the connection is another one";
                    }
                    if since.elapsed() > RESYNC_EVERY {
                        return "it is time to";
                    }
                }
            }
        }
    }

    /// Counts up with each connection.
    fn connection(&self) -> u64 {
        let client = self.bucket.jetstream().client();
        client.statistics().connects.load(Ordering::Relaxed)
    }

    fn not_opened(&self, source: super::ReplayError) -> StoreError {
        StoreError::NotOpened {
            name: format!("the bucket {}", self.bucket.name()),
            source,
        }
    }
}
