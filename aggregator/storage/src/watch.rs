//! Watches a bucket, to mirror it in memory: first a snapshot, then each change. After every interruption a snapshot again, since
//! records may have expired or been deleted, or the bucket may have been purged or created again, without a message.

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

/// How often to check that the connection is still the same one.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often to read the whole bucket again: purging it with the server's own tools sends no message to watchers.
const RESYNC_EVERY: Duration = Duration::from_mins(5);

/// An event for a watcher.
#[derive(Debug)]
pub enum WatchEvent<T: Record> {
    /// The bucket was created again: its revisions start from the beginning.
    Replaced,
    /// The current entry of a key. After an interruption it may be unchanged.
    Changed(T::Key, Entry<T>),
    /// All entries of the bucket were sent: any other known record is gone.
    Synced(Snapshot<T::Key>),
}

/// The keys of the bucket at one moment.
#[derive(Debug)]
pub struct Snapshot<K> {
    keys: HashSet<K>,
    /// The last revision that is certainly included; none if earlier revisions are of another bucket.
    covered: Option<u64>,
}

impl<K: std::hash::Hash + Eq> Snapshot<K> {
    /// Whether a record of this revision still exists. One that was written here after the snapshot began is not among the keys, but its
    /// message is on the way.
    #[must_use]
    pub fn has(&self, key: &K, revision: u64) -> bool {
        self.keys.contains(key) || self.covered.is_some_and(|covered| revision > covered)
    }
}

/// A watch of one bucket.
#[derive(Debug)]
pub struct Watch<T> {
    bucket: Bucket<T>,
    /// When the bucket was created: revisions are comparable only within one bucket.
    incarnation: Option<DateTime>,
}

/// The changes after a snapshot, and the number of the connection that delivers them.
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

    /// Reads the whole bucket, and returns the changes that follow, for [`Watch::run`].
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

    /// Follows the bucket forever.
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

    /// Applies changes until the whole bucket must be read again, and returns the reason.
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

    /// Increases with each connection.
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
