//! Writing a cluster's next list: claimed first, so that of several replicas one reads the cluster; and counting only once it is whole.

use std::time::Instant;

use bus_schema::{ClusterName, StreamId};

use super::{Generation, Inventory, InventoryError, List, Manifest, Seen, part};
use registry::ListSource;
use storage::BucketError;

/// The right to write a cluster's next list: while it holds, no other replica does.
#[derive(Debug)]
pub struct Claim {
    cluster: ClusterName,
    manifest: Manifest,
    revision: u64,
}

impl Inventory {
    /// Claims the writing of a cluster's next list, if `may` still says so; `None` where another replica was faster.
    ///
    /// # Errors
    /// When the bucket does not answer.
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
            Err(BucketError::Conflict { .. }) => self.look_again(cluster).await.map(|()| None),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps a list in the place of the one before.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] when the claim does not hold any more. Then, and if the bucket does not answer, the list
    /// before stays.
    pub async fn keep(
        &self,
        claim: Claim,
        list: List,
        source: ListSource,
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
            self.bucket.put_bytes(&key, part).await?;
        }
        self.put(&cluster, &manifest, Some(revision)).await?;
        Ok(())
    }

    async fn put(
        &self,
        cluster: &ClusterName,
        manifest: &Manifest,
        revision: Option<u64>,
    ) -> Result<u64, BucketError> {
        let revision = match revision {
            None => self.bucket.create(cluster, manifest).await?,
            Some(revision) => self.bucket.update(cluster, manifest, revision).await?,
        };
        // Its own word may come later than the next look.
        self.seen()
            .put(cluster.clone(), manifest.clone(), revision, Instant::now());
        Ok(revision)
    }

    /// What has been missed of a cluster, or is on the way.
    async fn look_again(&self, cluster: &ClusterName) -> Result<(), InventoryError> {
        let entry = self.bucket.get(cluster).await?;
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
