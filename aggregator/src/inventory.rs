//! What each cluster last said of its deployments, in the KV bucket `inventory`: shown while the cluster is away, and built anew when it
//! is there. A cluster has a manifest, and its list compressed in parts beside it, in one of two places: while one is written the
//! other is whole, and the manifest names the one that counts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::kv::{self, CreateErrorKind, Operation, Store, UpdateErrorKind};
use async_nats::jetstream::{Context, stream::StorageType};
use bus_schema::{ClusterName, StreamId};
use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::Semaphore;
use tracing::warn;

use crate::store::{self, StoreError};

mod cache;
mod known;
mod list;
mod manifest;
mod part;
mod seen;

pub use known::{Kept, LastKnown};
pub use list::{List, ListError};
pub use manifest::{Changes, Generation, Manifest};
pub use seen::{Seen, SeenManifests};

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

/// The right to write a cluster's next list: while it holds, no other replica does.
#[derive(Debug)]
pub struct Claim {
    cluster: ClusterName,
    manifest: Manifest,
    revision: u64,
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

    /// Claims the writing of a cluster's next list, if `may` still says so; `None` where another replica was faster.
    ///
    /// # Errors
    /// [`InventoryError::Unavailable`]
    pub async fn claim(
        &self,
        cluster: &ClusterName,
        may: impl FnOnce(Option<&Seen>) -> bool,
    ) -> Result<Option<Claim>, InventoryError> {
        let before = self.look(|seen| {
            let seen = seen.get(cluster);
            may(seen).then(|| seen.map(|seen| (seen.manifest.clone(), seen.revision)))
        });
        let Some(before) = before else {
            return Ok(None);
        };
        let revision = before.as_ref().map(|(_, revision)| *revision);
        let mut manifest = before.map(|(manifest, _)| manifest).unwrap_or_default();
        manifest.claim = Some(random_id());
        match self.put(cluster, &manifest, revision).await {
            Ok(revision) => Ok(Some(Claim {
                cluster: cluster.clone(),
                manifest,
                revision,
            })),
            Err(InventoryError::Overtaken) => self.look_again(cluster).await.map(|()| None),
            Err(error) => Err(error),
        }
    }

    /// Keeps a list in the place of the one before.
    ///
    /// # Errors
    /// [`InventoryError::Overtaken`] when the claim does not hold any more. Then, and if the bucket does not answer, the list
    /// before stays.
    pub async fn keep(
        &self,
        claim: Claim,
        list: List,
        source: Source,
    ) -> Result<(), InventoryError> {
        let Claim {
            cluster,
            mut manifest,
            revision,
        } = claim;
        let (packed, list) = list
            .pack()
            .await
            .map_err(|error| InventoryError::Damaged(error.to_string()))?;
        let generation = Generation {
            id: random_id(),
            slot: manifest.free_slot(),
            parts: 0,
            cluster_uid: source.cluster_uid,
            as_of: list.as_of,
            deployments: list.deployments,
            truncated: list.truncated,
            changes: source.changes.unwrap_or_default(),
        };
        let parts = part::split(&generation.id, &packed);
        let generation = manifest.replace(generation, parts.len());
        for (number, part) in parts.into_iter().enumerate() {
            let key = part::key(&cluster, generation.slot, number);
            within(self.bucket.put(key, part)).await?;
        }
        self.put(&cluster, &manifest, Some(revision))
            .await
            .map(drop)
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
            within(self.bucket.purge(part::key(cluster, slot, number))).await?;
        }
        // Last, so that what breaks off is done again.
        within(self.bucket.purge(cluster.as_str())).await?;
        self.seen().forget(cluster);
        Ok(())
    }

    async fn put(
        &self,
        cluster: &ClusterName,
        manifest: &Manifest,
        revision: Option<u64>,
    ) -> Result<u64, InventoryError> {
        let json = serde_json::to_vec(manifest);
        let json =
            Bytes::from(json.map_err(|error| InventoryError::Unavailable(Some(error.into())))?);
        let put = async {
            match revision {
                None => {
                    self.bucket
                        .create(cluster.as_str(), json)
                        .await
                        .map_err(|error| match error.kind() {
                            CreateErrorKind::AlreadyExists => InventoryError::Overtaken,
                            _ => InventoryError::Unavailable(Some(error.into())),
                        })
                }
                Some(revision) => self
                    .bucket
                    .update(cluster.as_str(), json, revision)
                    .await
                    .map_err(|error| match error.kind() {
                        UpdateErrorKind::WrongLastRevision => InventoryError::Overtaken,
                        _ => InventoryError::Unavailable(Some(error.into())),
                    }),
            }
        };
        let revision = tokio::time::timeout(WITHIN, put).await;
        let revision = revision.map_err(|_| InventoryError::Unavailable(None))??;
        // Its own word may come later than the next look.
        self.seen()
            .put(cluster.clone(), manifest.clone(), revision, Instant::now());
        Ok(revision)
    }

    /// What has been missed of a cluster, or is on the way.
    async fn look_again(&self, cluster: &ClusterName) -> Result<(), InventoryError> {
        let entry = within(self.bucket.entry(cluster.as_str())).await?;
        // First, since the bucket may be another one that counts from the beginning.
        self.seen().forget(cluster);
        if let Some(entry) = entry {
            self.see(&entry);
        }
        Ok(())
    }

    fn see(&self, entry: &kv::Entry) {
        let Ok(cluster) = entry.key.parse::<ClusterName>() else {
            return;
        };
        if entry.operation != Operation::Put {
            return self.seen().forget(&cluster);
        }
        // One that cannot be read is as good as none, but for its revision: the next one takes its place.
        let manifest = serde_json::from_slice(&entry.value).unwrap_or_else(|error| {
            warn!(%cluster, %error, "the manifest of an inventory cannot be read");
            Manifest::default()
        });
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

/// Whose list is kept, and how far it had told its changes when the list was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The uid of the Kubernetes cluster.
    pub cluster_uid: String,
    /// `None` where an agent does not tell them.
    pub changes: Option<Changes>,
}

fn random_id() -> StreamId {
    let id = format!("{:032x}", rand::random::<u128>());
    id.parse().expect("hexadecimal digits are an id")
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
