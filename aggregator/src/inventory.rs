//! What each cluster last said of its deployments, in the KV bucket `inventory`: shown while the cluster is away, and built anew when it
//! is there. A cluster has a manifest, and its list compressed in parts beside it, in one of two places: while one is written the
//! other is whole, and the manifest names the one that counts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::kv::{self, Operation, Store};
use async_nats::jetstream::{Context, stream::StorageType};
use bus_schema::ClusterName;
use futures::StreamExt as _;
use tokio::sync::Semaphore;

use crate::records::{RecordError, parse_key, parse_value};
use crate::store::{self, StoreError};

mod cache;
mod known;
mod list;
mod manifest;
mod part;
mod seen;
mod write;

pub use known::{Kept, LastKnown};
pub use list::{List, ListError};
pub use manifest::{Changes, Generation, Manifest};
pub use seen::{Seen, SeenManifests};
pub use write::{Claim, Source};

use cache::Cache;

/// How long the bucket may take to answer.
const WITHIN: Duration = Duration::from_secs(3);

/// After this a claim holds no longer: whoever made it has died, or is too slow.
pub const CLAIM_LEASE: Duration = Duration::from_secs(30);

/// Lists that are read from the bucket and unpacked at the same time.
const READERS: usize = 4;

const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The bucket, and what is known of it here.
#[derive(Debug, Clone)]
pub struct Inventory {
    bucket: Store,
    seen: Arc<Mutex<SeenManifests>>,
    cache: Arc<Mutex<Cache>>,
    readers: Arc<Semaphore>,
}

/// Something could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// The bucket does not answer.
    #[error("the bucket of inventories does not answer")]
    Unavailable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// Another replica has written meanwhile.
    #[error("another replica was faster")]
    Overtaken,
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
        let wanted = kv::Config {
            bucket: "inventory".to_owned(),
            description: "what each cluster last said of its deployments".to_owned(),
            history: 1,
            storage: StorageType::File,
            num_replicas: replicas,
            ..kv::Config::default()
        };
        Ok(Self {
            bucket: store::open_kv(jetstream, wanted).await?,
            seen: Arc::default(),
            cache: Arc::default(),
            readers: Arc::new(Semaphore::new(READERS)),
        })
    }

    /// Follows the manifests, for ever.
    pub async fn follow(self) {
        loop {
            // One token: the parts have more.
            if let Ok(mut manifests) = self.bucket.watch_with_history("*").await {
                while let Some(Ok(entry)) = manifests.next().await {
                    self.see(&entry);
                }
            }
            tokio::time::sleep(TRY_AGAIN_AFTER).await;
        }
    }

    /// Looks at what is known of the manifests.
    pub fn look<T>(&self, look: impl FnOnce(&SeenManifests) -> T) -> T {
        look(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The list that is kept of a cluster, unless it is another cluster's that had the name before.
    #[must_use]
    pub fn kept(&self, cluster: &ClusterName, uid: Option<&str>) -> Option<Generation> {
        let kept = self.look(|seen| seen.get(cluster)?.manifest.kept.clone());
        kept.filter(|kept| uid.is_none_or(|uid| uid == kept.cluster_uid))
    }

    /// Reads what is kept.
    ///
    /// # Errors
    /// [`InventoryError::Damaged`] also where a newer list took its place meanwhile.
    pub async fn read(
        &self,
        cluster: &ClusterName,
        kept: &Generation,
    ) -> Result<Arc<LastKnown>, InventoryError> {
        if let Some(known) = self.cache().get(&kept.id) {
            return Ok(known);
        }
        let permit = self.readers.acquire().await;
        let mut packed = Vec::new();
        for number in 0..kept.parts {
            let key = part::key(cluster, kept.slot, number);
            let part = within(self.bucket.get(key)).await?;
            let part = part.as_deref().and_then(|part| part::of(&kept.id, part));
            let missing = || InventoryError::Damaged(format!("part {number} is not there"));
            packed.extend_from_slice(part.ok_or_else(missing)?);
        }
        let known = LastKnown::unpack(packed, kept.deployments).await;
        drop(permit);
        let known = Arc::new(known.map_err(|error| InventoryError::Damaged(error.to_string()))?);
        self.cache().put(kept.id.clone(), &known);
        Ok(known)
    }

    /// Forgets a cluster. A list of it that is being written will not count.
    ///
    /// # Errors
    /// [`InventoryError::Unavailable`]: it can be done again.
    pub async fn forget(&self, cluster: &ClusterName) -> Result<(), InventoryError> {
        let Some(parts) = self.look(|seen| Some(seen.get(cluster)?.manifest.parts())) else {
            return Ok(());
        };
        for (slot, number) in parts {
            let key = part::key(cluster, slot, number);
            within(store::purge(&self.bucket, &key)).await?;
        }
        // Last, so that what breaks off is done again.
        within(store::purge(&self.bucket, cluster.as_str())).await?;
        self.seen().forget(cluster);
        Ok(())
    }

    /// Reads a manifest.
    pub(crate) fn parse(key: &str, value: &[u8]) -> Result<(ClusterName, Manifest), RecordError> {
        Ok((parse_key(key, "a cluster's name")?, parse_value(value)?))
    }

    fn see(&self, entry: &kv::Entry) {
        let Ok(cluster) = entry.key.parse::<ClusterName>() else {
            return;
        };
        if entry.operation != Operation::Put {
            return self.seen().forget(&cluster);
        }
        // One that cannot be read (see `records`) is as good as none, but for its revision: the next one takes its place.
        let parsed = Self::parse(&entry.key, &entry.value);
        let manifest = parsed.map_or_else(|_| Manifest::default(), |(_, manifest)| manifest);
        self.seen()
            .put(cluster, manifest, entry.revision, Instant::now());
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, SeenManifests> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn within<T, E>(act: impl Future<Output = Result<T, E>>) -> Result<T, InventoryError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    match tokio::time::timeout(WITHIN, act).await {
        Ok(done) => done.map_err(|error| InventoryError::Unavailable(Some(error.into()))),
        Err(_) => Err(InventoryError::Unavailable(None)),
    }
}
