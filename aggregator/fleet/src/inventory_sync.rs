//! Syncs the inventory: stores each cluster's workloads for when it is offline. They are read periodically and only if something has
//! changed, by one of the replicas, a few clusters at a time. No user is involved in reading; grants apply when the inventory is shown.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bus_schema::verb::ListWorkloads;
use bus_schema::{ClusterName, MAX_LIMIT, Request};
use jiff::Timestamp;
use rand::seq::SliceRandom as _;
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use super::SharedRegistry;
use super::agent_link::{AgentLink, SendError};
use super::client::NO_REPLY;
use crate::inventory::{Inventory, InventoryError, List, ListError, Manifest, Seen, SeenManifests};
use diagnostics::Metrics;
use registry::Moment;
use storage::{BucketError, Leased as _};

/// Clusters that are read at the same time.
const AT_ONCE: usize = 8;

/// The time limit for reading all pages of one cluster. The rest of the lease is for writing.
const READ_WITHIN: Duration = Manifest::TERM.checked_div(2).expect("two is not zero");

/// The longest interval between two checks for due clusters.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why a list was not synced.
#[derive(Debug, thiserror::Error)]
enum SyncError {
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    #[error("the cluster did not answer")]
    NotRead(#[source] SendError),
    #[error("the cluster's response is not a list")]
    NoList(#[from] ListError),
    #[error("the cluster was not read in time")]
    TooSlow,
    #[error("it is no longer certain which cluster the list belongs to")]
    Doubtful,
}

/// Reads clusters and stores their lists.
#[derive(Debug)]
pub struct InventorySync {
    link: Arc<AgentLink>,
    registry: Arc<SharedRegistry>,
    inventory: Inventory,
    metrics: Metrics,
}

impl InventorySync {
    /// Syncs from the clusters of this registry into this inventory.
    #[must_use]
    pub fn new(
        link: Arc<AgentLink>,
        registry: Arc<SharedRegistry>,
        inventory: Inventory,
        metrics: Metrics,
    ) -> Self {
        Self {
            link,
            registry,
            inventory,
            metrics,
        }
    }

    /// Syncs the lists of all clusters until the program ends, each at most once in `every`.
    pub async fn sync_inventory(self: Arc<Self>, every: Duration) {
        tokio::spawn(self.inventory.clone().follow());
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        let mut tried = HashMap::new();
        loop {
            // Jitter, so that replicas do not run in step.
            let look = LOOK_EVERY.min(every / 4);
            tokio::time::sleep(look.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
            if self.link.is_cut_off() {
                continue;
            }
            self.drop_forgotten(every.max(Manifest::TERM)).await;
            tried.retain(|_, at: &mut Instant| at.elapsed() < every);
            let mut due = self.due(every);
            due.retain(|cluster| !tried.contains_key(cluster));
            due.shuffle(&mut rand::rng());
            for cluster in due {
                let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
                    return;
                };
                tried.insert(cluster.clone(), Instant::now());
                let sync = Arc::clone(&self);
                tokio::spawn(async move {
                    sync.sync_and_report(&cluster, every).await;
                    drop(permit);
                });
            }
        }
    }

    /// Clusters whose list is due to be written.
    fn due(&self, every: Duration) -> Vec<ClusterName> {
        let (registry, now) = (self.registry.read(), Moment::now());
        self.inventory.inspect(|seen| {
            let due = registry.names().filter(|cluster| {
                registry.source(cluster, now).is_some_and(|source| {
                    let seen = seen.get(cluster);
                    seen.is_none_or(|seen| seen.is_due(&source, every, now.instant))
                })
            });
            due.cloned().collect()
        })
    }

    async fn sync_and_report(&self, cluster: &ClusterName, every: Duration) {
        let outcome = match Box::pin(self.sync(cluster, every)).await {
            Ok(Some(())) => "kept",
            Ok(None)
            | Err(SyncError::Inventory(InventoryError::Bucket(BucketError::Conflict { .. }))) => {
                "overtaken"
            }
            Err(error @ SyncError::Inventory(_)) => {
                let error = &error as &dyn std::error::Error;
                warn!(%cluster, error, "a cluster's list was not synced");
                "failed"
            }
            Err(error) => {
                debug!(%cluster, %error, "a cluster's list was not synced");
                "not_read"
            }
        };
        self.metrics.kept(outcome);
    }

    /// `None` if it is no longer needed, or another replica does it.
    async fn sync(&self, cluster: &ClusterName, every: Duration) -> Result<Option<()>, SyncError> {
        let Some(source) = self.registry.read().source(cluster, Moment::now()) else {
            return Ok(None);
        };
        let now = Instant::now();
        let is_due = |seen: Option<&Seen>| seen.is_none_or(|seen| seen.is_due(&source, every, now));
        let lease = self.inventory.acquire_lease(cluster, is_due, now);
        // After a failure the lease is not released: another replica would currently fail too.
        let Some(lease) = lease.await? else {
            return Ok(None);
        };
        let list = tokio::time::timeout(READ_WITHIN, self.list(cluster, &source.cluster_uid)).await;
        let list = list.map_err(|_| SyncError::TooSlow)??;
        // An older agent ignores the requested uid.
        let after = self.registry.read().source(cluster, Moment::now());
        if after.map(|after| after.cluster_uid).as_ref() != Some(&source.cluster_uid) {
            return Err(SyncError::Doubtful);
        }
        self.inventory.store(lease, list, source).await?;
        Ok(Some(()))
    }

    async fn list(&self, cluster: &ClusterName, uid: &str) -> Result<List, SyncError> {
        let mut list = List::begun(Timestamp::now());
        let mut request = ListWorkloads {
            // A second cluster of that name may exist and not be known yet.
            cluster_uid: Some(uid.to_owned()),
            limit: Some(MAX_LIMIT),
            ..ListWorkloads::default()
        };
        loop {
            let page = self
                .link
                .send_for_bytes(cluster, &request, ListWorkloads::TIMEOUT);
            let page = page.await.map_err(SyncError::NotRead)?;
            match list.add(page, Timestamp::now()) {
                Ok(None) => return Ok(list),
                Ok(next) => request.next = next,
                Err(error) => {
                    self.registry.protocol_violation(cluster, NO_REPLY, None);
                    return Err(error.into());
                }
            }
        }
    }

    /// Drops lists of clusters that were forgotten while this replica was not connected. A recent list may belong to a cluster that
    /// another replica has seen first.
    async fn drop_forgotten(&self, age: Duration) {
        let forgotten: Vec<ClusterName> = {
            let (registry, now) = (self.registry.read(), Moment::now());
            let is_unknown = |cluster: &&ClusterName| registry.presence(cluster, now).is_none();
            let old = |seen: &SeenManifests| {
                let old = seen.older_than(age, now.instant);
                old.filter(is_unknown).cloned().collect()
            };
            self.inventory.inspect(old)
        };
        for cluster in forgotten {
            self.inventory.forget_now_or_later(&cluster).await;
        }
    }
}
