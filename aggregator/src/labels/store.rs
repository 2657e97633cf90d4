//! The bucket `labels`: under each cluster's name its labels.
//!
//! A bucket of its own, for two reasons. The record in `clusters` is written whole, from its own memory, by whichever replica hears a
//! heartbeat, and would take labels back that another one has just set; and labels are there before a cluster is first heard, so that it
//! is never without them. The record in `credentials` is there as early, but guards keys, and is not to be risked for anything else.

use std::time::Duration;

use async_nats::jetstream::kv::{self, Operation, Store, UpdateErrorKind};
use async_nats::jetstream::{Context, stream::StorageType};
use bus_schema::ClusterName;
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::time::{Instant, timeout};

use super::{FleetLabels, LabelError, LabelPatch, Labels};
use crate::records::{RecordError, parse_key, parse_value};
use crate::store::{self, StoreError};

/// Others may change the same record at the same moment.
const TRIES: usize = 10;

/// How long the bucket may take to answer.
const WITHIN: Duration = Duration::from_secs(5);

/// Records may be taken out with the server's own tools, of which followers are not told.
const READ_AGAIN_EVERY: Duration = Duration::from_secs(5 * 60);

/// The bucket.
#[derive(Debug, Clone)]
pub struct LabelStore {
    bucket: Store,
}

impl LabelStore {
    /// Opens the bucket, makes it if there is none.
    ///
    /// # Errors
    /// When JetStream is away, or a bucket of that name is there with other settings.
    pub async fn open(jetstream: &Context, replicas: usize) -> Result<Self, StoreError> {
        let wanted = kv::Config {
            bucket: "labels".to_owned(),
            description: "the labels of clusters".to_owned(),
            history: 5,
            storage: StorageType::File,
            num_replicas: replicas,
            ..kv::Config::default()
        };
        let bucket = store::open_kv(jetstream, wanted).await?;
        Ok(Self { bucket })
    }

    /// Reads a record of the bucket.
    pub(crate) fn parse(key: &str, value: &[u8]) -> Result<(ClusterName, Labels), RecordError> {
        Ok((parse_key(key, "a cluster's name")?, parse_value(value)?))
    }

    /// Changes the labels of a cluster: those that it has then, and the revision of that.
    ///
    /// # Errors
    /// See [`LabelError`]: then nothing was changed.
    pub async fn patch(
        &self,
        cluster: &ClusterName,
        patch: &LabelPatch,
    ) -> Result<(Labels, u64), LabelError> {
        for _ in 0..TRIES {
            let entry = within(self.bucket.entry(cluster.as_str())).await?;
            let revision = entry.as_ref().map_or(0, |entry| entry.revision);
            let labels = entry.as_ref().map(labels_in).unwrap_or_default();
            let labels = labels.patched(patch)?;
            let json = serde_json::to_vec(&labels)
                .map_err(|error| LabelError::BucketUnavailable(Some(error.into())))?;
            let put = self.bucket.update(cluster.as_str(), json.into(), revision);
            match timeout(WITHIN, put).await {
                Ok(Ok(revision)) => return Ok((labels, revision)),
                Ok(Err(error)) if error.kind() == UpdateErrorKind::WrongLastRevision => {}
                Ok(Err(error)) => return Err(LabelError::BucketUnavailable(Some(error.into()))),
                Err(_) => return Err(LabelError::BucketUnavailable(None)),
            }
        }
        Err(LabelError::Contended)
    }

    /// Forgets the labels of a cluster, for all replicas.
    ///
    /// # Errors
    /// [`LabelError::BucketUnavailable`]: it can be done again.
    pub async fn forget(&self, cluster: &ClusterName) -> Result<(), LabelError> {
        within(store::purge(&self.bucket, cluster.as_str()))
            .await
            .map(drop)
    }

    /// The labels of all clusters, as of now. A record that cannot be read is skipped, see [`crate::records`].
    ///
    /// # Errors
    /// [`LabelError::BucketUnavailable`]
    pub async fn read(&self) -> Result<FleetLabels, LabelError> {
        let keys = within(self.bucket.keys()).await?;
        let keys: Vec<String> = within(keys.try_collect()).await?;
        let mut all = FleetLabels::default();
        for key in keys {
            let Ok(cluster) = key.parse::<ClusterName>() else {
                continue;
            };
            if let Some(entry) = within(self.bucket.entry(&key)).await? {
                all.put(cluster, labels_in(&entry), entry.revision);
            }
        }
        Ok(all)
    }

    /// Tells `learn` of all labels and of each change from then on, until all must be read again.
    ///
    /// # Errors
    /// [`LabelError::BucketUnavailable`]: what was learnt before still counts.
    pub async fn follow(&self, mut learn: impl FnMut(FleetLabels)) -> Result<(), LabelError> {
        let mut all = self.read().await?;
        // Begins with what has changed since, among all the others.
        let mut changes = within(self.bucket.watch_with_history(">")).await?;
        learn(all.clone());
        let until = Instant::now() + READ_AGAIN_EVERY;
        while let Ok(change) = tokio::time::timeout_at(until, changes.next()).await {
            let Some(Ok(entry)) = change else { break };
            if let Ok(cluster) = entry.key.parse::<ClusterName>() {
                let labels = labels_in(&entry);
                // Those that were read above come once more.
                if !all.has(entry.revision) || *all.of(&cluster) != labels {
                    all.put(cluster, labels, entry.revision);
                    learn(all.clone());
                }
            }
        }
        Ok(())
    }
}

/// None where they are gone. A record that cannot be read is as good as none, but for its revision: the next one takes its place.
fn labels_in(entry: &kv::Entry) -> Labels {
    let parsed = LabelStore::parse(&entry.key, &entry.value);
    match entry.operation {
        Operation::Put => parsed.map(|(_, labels)| labels).unwrap_or_default(),
        Operation::Delete | Operation::Purge => Labels::default(),
    }
}

async fn within<T, E>(act: impl Future<Output = Result<T, E>>) -> Result<T, LabelError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    match timeout(WITHIN, act).await {
        Ok(done) => done.map_err(|error| LabelError::BucketUnavailable(Some(error.into()))),
        Err(_) => Err(LabelError::BucketUnavailable(None)),
    }
}
