//! The persisted state of clusters in JetStream: their records and their labels.

use std::sync::Arc;

use async_nats::jetstream::Context;
use bus_schema::ClusterName;
use tracing::warn;

use super::SharedRegistry;
use labels::{FleetLabels, LabelError, LabelPatch, Labels};
use registry::{Moment, Record};
use storage::{Bucket, BucketError, Entry, StoreError};

/// The persisted state of clusters: the bucket `clusters`, and their labels. Clones share it.
#[derive(Debug, Clone)]
pub struct Clusters {
    pub(super) records: Arc<Bucket<Record>>,
    labels: Arc<Bucket<Labels>>,
}

impl Clusters {
    /// Opens the buckets, and creates them if they do not exist.
    ///
    /// # Errors
    /// If JetStream is unavailable, or a bucket of that name exists with other settings.
    pub async fn open(jetstream: &Context, replicas: usize) -> Result<Self, StoreError> {
        Ok(Self {
            records: Arc::new(Bucket::open(jetstream, replicas).await?),
            labels: Arc::new(Bucket::open(jetstream, replicas).await?),
        })
    }

    pub(super) async fn persist(&self, cluster: &ClusterName, record: &Record) {
        if let Err(error) = self.records.put(cluster, record).await {
            let error = &error as &dyn std::error::Error;
            warn!(%cluster, error, "cannot persist a cluster's record");
        }
    }

    /// Their labels.
    pub(super) fn labels(&self) -> &Bucket<Labels> {
        &self.labels
    }

    /// Changes the labels of a cluster; returns its new labels and their revision.
    ///
    /// # Errors
    /// See [`LabelError`]; nothing was changed then.
    pub async fn patch_labels(
        &self,
        cluster: &ClusterName,
        patch: &LabelPatch,
    ) -> Result<(Labels, u64), LabelError> {
        let patched = |entry: Entry<Labels>| {
            let labels = entry.record_or_default().patched(patch)?;
            Ok((labels.clone(), labels))
        };
        self.labels.modify(cluster, patched).await
    }

    /// Forgets a cluster and its labels, for all replicas.
    ///
    /// # Errors
    /// If a bucket does not respond; the call can be retried.
    pub async fn forget(&self, cluster: &ClusterName) -> Result<(), BucketError> {
        self.records.purge(cluster).await?;
        self.labels.purge(cluster).await.map(drop)
    }

    /// The same, and immediately in this replica.
    ///
    /// # Errors
    /// As [`Clusters::forget`].
    pub async fn forget_here_too(
        &self,
        registry: &SharedRegistry,
        cluster: &ClusterName,
    ) -> Result<(), BucketError> {
        self.forget(cluster).await?;
        registry.forget(cluster);
        Ok(())
    }

    /// Restores every persisted cluster into the registry, with its labels. A record that cannot be read is skipped, see
    /// [`crate::records`]: the cluster's next heartbeat creates it again.
    ///
    /// # Errors
    /// If a bucket cannot be read.
    pub async fn restore(&self, registry: &SharedRegistry) -> Result<(), BucketError> {
        let mut labels = FleetLabels::default();
        for (cluster, entry) in self.labels.list().await? {
            labels.put(cluster, entry);
        }
        registry.learn_labels(labels);
        for (cluster, entry) in self.records.list().await? {
            if let Ok(Some(record)) = entry.record {
                registry.write().restore(cluster, record, Moment::now());
            }
        }
        Ok(())
    }
}
