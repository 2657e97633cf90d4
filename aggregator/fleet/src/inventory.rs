//! What each cluster last said of its deployments, in the KV bucket `inventory`: shown while the cluster is away, and built anew when it
//! is there. A cluster has a manifest, and its list compressed in parts beside it, in one of two places: while one is written the
//! other is whole, and the manifest names the one that counts.

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

pub use known::{LastKnown, LastKnownDeployment};
pub use list::{List, ListError};
pub use manifest::{Generation, Manifest};
pub use seen::{Seen, SeenManifests};

use cache::Cache;

/// Lists that are read from the bucket and unpacked at the same time.
const READERS: usize = 4;

/// The bucket, and what is known of it here. Clones share it.
#[derive(Debug, Clone)]
pub struct Inventory {
    bucket: Arc<Bucket<Manifest>>,
    seen: Arc<Mutex<SeenManifests>>,
    cache: Arc<Mutex<Cache>>,
    readers: Arc<Semaphore>,
}

/// Something could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// The bucket was not read or written; a conflict where another replica has written meanwhile.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// What stands in the bucket is not the whole list, or none.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

impl Inventory {
    /// Opens the bucket, makes it if there is none.
    ///
    /// # Errors
    /// When JetStream is away, or a bucket of that name is there with other settings.
    pub async fn open(jetstream: &Context, replicas: usize) -> Result<Self, StoreError> {
        Ok(Self {
            bucket: Arc::new(Bucket::open(jetstream, replicas).await?),
            seen: Arc::default(),
            cache: Arc::default(),
            readers: Arc::new(Semaphore::new(READERS)),
        })
    }

    /// Follows the manifests, for good.
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

    /// Looks at what is known of the manifests.
    pub fn look<T>(&self, look: impl FnOnce(&SeenManifests) -> T) -> T {
        look(&self.seen.lock())
    }

    /// The list that is stored of a cluster, unless it is another cluster's that had the name before.
    #[must_use]
    pub fn stored(&self, cluster: &ClusterName, uid: Option<&str>) -> Option<Generation> {
        let stored = self.look(|seen| seen.get(cluster)?.manifest.record.stored.clone());
        stored.filter(|stored| uid.is_none_or(|uid| uid == stored.cluster_uid))
    }

    /// Reads what is stored.
    ///
    /// # Errors
    /// [`InventoryError::Damaged`] also where a newer list took its place meanwhile.
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
        let known = LastKnown::unpack(packed, stored.deployments).await;
        drop(permit);
        let known = Arc::new(known.map_err(|error| InventoryError::Damaged(error.to_string()))?);
        self.cache().put(stored.id.clone(), &known);
        Ok(known)
    }

    /// Forgets a cluster. A list of it that is being written will not count.
    ///
    /// # Errors
    /// When the bucket does not answer: it can be done again.
    pub async fn forget(&self, cluster: &ClusterName) -> Result<(), InventoryError> {
        let Some(parts) = self.look(|seen| Some(seen.get(cluster)?.manifest.record.parts())) else {
            return Ok(());
        };
        for (slot, number) in parts {
            let key = part::key(cluster, slot, number);
            self.bucket.purge_key(&key).await?;
        }
        // Last, so that what breaks off is done again.
        self.bucket.purge(cluster).await?;
        self.seen().forget(cluster);
        Ok(())
    }

    /// Forgets a cluster. Where the bucket does not answer, [`InventorySync`](crate::InventorySync) does it later.
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
        // One that cannot be read is as good as none, but for its revision: the next one takes its place.
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
