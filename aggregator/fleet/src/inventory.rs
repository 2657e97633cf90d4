//! The last known workloads of each cluster, in the KV bucket `inventory`: shown while the cluster is offline, and updated while it
//! is online. Each cluster has a manifest, and its compressed list in parts, in one of two slots: while one slot is written, the other
//! is complete, and the manifest names the current one.

use std::sync::Arc;
use std::time::Instant;

use async_nats::jetstream::Context;
use bus_schema::ClusterName;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Semaphore;
use tracing::warn;

use storage::{Bucket, BucketError, Entry, StoreError, WatchEvent};

mod cache;
mod known;
mod list;
mod manifest;
mod part;
mod seen;
mod write;

pub use known::{LastKnown, LastKnownWorkload};
pub use list::{List, ListError};
pub use manifest::{Generation, Manifest};
pub use seen::{Seen, SeenManifests};

use cache::Cache;

/// Lists that are read from the bucket and decompressed at the same time.
const READERS: usize = 4;

/// The bucket, and a local copy of the manifests. Clones share it.
#[derive(Debug, Clone)]
pub struct Inventory {
    bucket: Arc<Bucket<Manifest>>,
    seen: Arc<Mutex<SeenManifests>>,
    cache: Arc<Mutex<Cache>>,
    readers: Arc<Semaphore>,
}

/// A list could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// The bucket was not read or written; a conflict if another replica has written in the meantime.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The stored list is incomplete or invalid.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

impl Inventory {
    /// Opens the bucket, and creates it if it does not exist.
    ///
    /// # Errors
    /// If JetStream is unavailable, or a bucket of that name exists with other settings.
    pub async fn open(jetstream: &Context, replicas: usize) -> Result<Self, StoreError> {
        Ok(Self {
            bucket: Arc::new(Bucket::open(jetstream, replicas).await?),
            seen: Arc::default(),
            cache: Arc::default(),
            readers: Arc::new(Semaphore::new(READERS)),
        })
    }

    /// Watches the manifests until the program ends.
    pub async fn follow(self) {
        let watch = self.bucket.watch();
        let on = |event| match event {
            WatchEvent::Replaced => *self.seen() = SeenManifests::default(),
            WatchEvent::Changed(cluster, entry) => self.see(cluster, entry),
            WatchEvent::Synced(snapshot) => {
                self.seen()
                    .retain(|cluster, seen| snapshot.has(cluster, seen.manifest.revision));
            }
        };
        watch.run(None, on).await;
    }

    /// Runs a closure on the known manifests.
    pub fn inspect<T>(&self, inspect: impl FnOnce(&SeenManifests) -> T) -> T {
        inspect(&self.seen.lock())
    }

    /// The stored list of a cluster, unless it belongs to another cluster that had the name before.
    #[must_use]
    pub fn stored(&self, cluster: &ClusterName, uid: Option<&str>) -> Option<Generation> {
        let stored = self.inspect(|seen| seen.get(cluster)?.manifest.record.stored.clone());
        stored.filter(|stored| uid.is_none_or(|uid| uid == stored.cluster_uid))
    }

    /// Reads a stored list.
    ///
    /// # Errors
    /// [`InventoryError::Damaged`] also if a newer list has replaced it in the meantime.
    pub async fn read(
        &self,
        cluster: &ClusterName,
        stored: &Generation,
    ) -> Result<Arc<LastKnown>, InventoryError> {
        if let Some(known) = self.cache().get(&stored.id) {
            return Ok(known);
        }
        let permit = self.readers.acquire().await;
        let mut packed = Vec::new();
        for number in 0..stored.parts {
            let key = part::key(cluster, stored.slot, number);
            let part = self.bucket.get_bytes(&key).await?;
            let part = part.as_deref().and_then(|part| part::of(&stored.id, part));
            let missing = || InventoryError::Damaged(format!("part {number} is not there"));
            packed.extend_from_slice(part.ok_or_else(missing)?);
        }
        let known = LastKnown::unpack(packed, stored.workloads).await;
        drop(permit);
        let known = Arc::new(known.map_err(|error| InventoryError::Damaged(error.to_string()))?);
        self.cache().put(stored.id.clone(), &known);
        Ok(known)
    }

    /// Forgets a cluster. A list of it that is being written will not become current.
    ///
    /// # Errors
    /// If the bucket does not respond; the call can be retried.
    pub async fn forget(&self, cluster: &ClusterName) -> Result<(), InventoryError> {
        let Some(parts) = self.inspect(|seen| Some(seen.get(cluster)?.manifest.record.parts()))
        else {
            return Ok(());
        };
        for (slot, number) in parts {
            let key = part::key(cluster, slot, number);
            self.bucket.purge_key(&key).await?;
        }
        // Last, so that an interrupted deletion is repeated.
        self.bucket.purge(cluster).await?;
        self.seen().forget(cluster);
        Ok(())
    }

    /// Forgets a cluster. If the bucket does not respond, [`InventorySync`](crate::InventorySync) does it later.
    pub(super) async fn forget_now_or_later(&self, cluster: &ClusterName) {
        if let Err(error) = self.forget(cluster).await {
            let error = &error as &dyn std::error::Error;
            warn!(%cluster, error, "a forgotten cluster's list is not dropped yet");
        }
    }

    fn see(&self, cluster: ClusterName, entry: Entry<Manifest>) {
        if !entry.is_there() {
            return self.seen().forget(&cluster);
        }
        // An unreadable manifest counts as none, except for its revision: the next one replaces it.
        let revision = entry.revision;
        let manifest = entry.record_or_default();
        self.seen().put(cluster, manifest, revision, Instant::now());
    }

    fn seen(&self) -> MutexGuard<'_, SeenManifests> {
        self.seen.lock()
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock()
    }
}
