//! Writes a cluster's next list: done by the holder of the manifest's lease, so that only one replica reads the cluster. The list
//! becomes current only once it is complete. A holder that has lost its lease cannot make its list current: the manifest is written by
//! compare-and-set.

use std::time::Instant;

use bus_schema::{ClusterName, StreamId};

use super::{Generation, Inventory, InventoryError, List, Manifest, Seen, part};
use registry::ListSource;
use storage::{BucketError, HeldLease};

impl Inventory {
    /// Acquires the lease for writing a cluster's next list, if `is_due` still returns true; `None` if another replica was faster.
    ///
    /// # Errors
    /// If the bucket does not respond.
    pub async fn acquire_lease(
        &self,
        cluster: &ClusterName,
        is_due: impl FnOnce(Option<&Seen>) -> bool,
        now: Instant,
    ) -> Result<Option<HeldLease<Manifest>>, InventoryError> {
        let seen = self.inspect(|seen| {
            let seen = seen.get(cluster);
            is_due(seen).then(|| seen.map(|seen| seen.manifest.clone()))
        });
        let Some(seen) = seen else {
            return Ok(None);
        };
        let acquired = self.bucket.acquire_lease(cluster, seen.as_ref(), now);
        match acquired.await {
            Ok(Some(lease)) => {
                self.wrote(cluster, lease.record().clone(), lease.revision());
                Ok(Some(lease))
            }
            Ok(None) => Ok(None),
            Err(BucketError::Conflict { .. }) => self.refresh(cluster).await.map(|()| None),
            Err(error) => Err(error.into()),
        }
    }

    /// Replaces the stored list, and releases the lease.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] if the lease is lost. Then, and if the bucket does not respond, the previous list stays current.
    pub async fn store(
        &self,
        mut lease: HeldLease<Manifest>,
        list: List,
        source: ListSource,
    ) -> Result<(), InventoryError> {
        let (cluster, mut manifest) = (lease.key().clone(), lease.record().clone());
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
            workloads: list.workloads,
            truncated: list.truncated,
            changes: source.changes.unwrap_or_default(),
        };
        let parts = part::split(&generation.id, &packed);
        let generation = manifest.replace(generation, parts.len());
        // A holder that was suspended would overwrite the parts of the replica that took over, which uses the same slot.
        lease.renew().await?;
        for (number, part) in parts.into_iter().enumerate() {
            let key = part::key(&cluster, generation.slot, number);
            self.bucket.put_bytes(&key, part).await?;
        }
        let (manifest, revision) = lease.complete(manifest).await?;
        self.wrote(&cluster, manifest, revision);
        Ok(())
    }

    /// Our own write counts immediately: the bucket's watch may deliver it only after the next check.
    fn wrote(&self, cluster: &ClusterName, manifest: Manifest, revision: u64) {
        let mut seen = self.seen();
        seen.put(cluster.clone(), manifest, revision, Instant::now());
    }

    /// Reads a cluster's manifest again, since an update was missed or is still in transit.
    async fn refresh(&self, cluster: &ClusterName) -> Result<(), InventoryError> {
        let entry = self.bucket.get_latest(cluster).await?;
        // First, because the bucket may have been recreated with revisions from 1.
        self.seen().forget(cluster);
        self.see(cluster.clone(), entry);
        Ok(())
    }
}

fn random_id() -> StreamId {
    let id = format!("{:032x}", rand::random::<u128>());
    id.parse().expect("hexadecimal digits are an id")
}
