//! Writing a cluster's next list: by the holder of the manifest's lease, so that of several replicas one reads the cluster; and counting
//! only once it is whole. A holder that lost its lease cannot make its list count: the manifest is written by compare-and-set.

use std::time::Instant;

use bus_schema::{ClusterName, StreamId};

use super::{Generation, Inventory, InventoryError, List, Manifest, Seen, part};
use registry::ListSource;
use storage::{BucketError, HeldLease};

impl Inventory {
    /// Acquires the lease for the writing of a cluster's next list, if `is_due` still says so; `None` where another replica was faster.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub async fn acquire_lease(
        &self,
        cluster: &ClusterName,
        is_due: impl FnOnce(Option<&Seen>) -> bool,
        now: Instant,
    ) -> Result<Option<HeldLease<Manifest>>, InventoryError> {
        let seen = self.look(|seen| {
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
            Err(BucketError::Conflict { .. }) => self.look_again(cluster).await.map(|()| None),
            Err(error) => Err(error.into()),
        }
    }

    /// Stores a list in the place of the one before, and releases the lease.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] when the lease is lost. Then, and if the bucket does not answer, the list before stays.
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
            deployments: list.deployments,
            truncated: list.truncated,
            changes: source.changes.unwrap_or_default(),
        };
        let parts = part::split(&generation.id, &packed);
        let generation = manifest.replace(generation, parts.len());
        // A holder that fell silent would write over the parts of the replica that took over, which uses the same slot.
        lease.renew().await?;
        for (number, part) in parts.into_iter().enumerate() {
            let key = part::key(&cluster, generation.slot, number);
            self.bucket.put_bytes(&key, part).await?;
        }
        let (manifest, revision) = lease.complete(manifest).await?;
        self.wrote(&cluster, manifest, revision);
        Ok(())
    }

    /// What was written here counts at once: the bucket's own message may come later than the next look.
    fn wrote(&self, cluster: &ClusterName, manifest: Manifest, revision: u64) {
        let mut seen = self.seen();
        seen.put(cluster.clone(), manifest, revision, Instant::now());
    }

    /// What has been missed of a cluster, or is on the way.
    async fn look_again(&self, cluster: &ClusterName) -> Result<(), InventoryError> {
        let entry = self.bucket.get_latest(cluster).await?;
        // First, since the bucket may be another one that counts from the beginning.
        self.seen().forget(cluster);
        self.see(cluster.clone(), entry);
        Ok(())
    }
}

fn random_id() -> StreamId {
    let id = format!("{:032x}", rand::random::<u128>());
    id.parse().expect("hexadecimal digits are an id")
}
