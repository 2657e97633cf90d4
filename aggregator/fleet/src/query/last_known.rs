//! The response of a cluster that is offline: computed from its stored inventory by the same rules as in its agent.

use bus_schema::{ClusterName, FleetQueryRequest, Share, Totals, WorkloadView as _};
use jiff::Timestamp;

use super::FleetQueries;
use super::merge::{Item, Part, Snapshot};
use crate::FleetWorkload;
use crate::inventory::LastKnownWorkload;
use crate::memory_budget::MemoryPermit;

/// The last known workloads of a cluster.
#[derive(Debug)]
pub struct KnownShare {
    pub part: Part,
    pub totals: Totals,
    pub as_of: Timestamp,
    pub stale_seconds: u64,
    pub truncated: bool,
    pub permit: MemoryPermit,
}

impl FleetQueries {
    /// A cluster's part from its last known workloads; `None` if nothing is stored. An error is a message for people.
    pub(super) async fn last_known_share(
        &self,
        cluster: &ClusterName,
        request: &FleetQueryRequest,
    ) -> Result<Option<KnownShare>, String> {
        let (stored, unchanged_until) = {
            let registry = self.registry.read();
            let Some(stored) = self.inventory.stored(cluster, registry.uid(cluster)) else {
                return Ok(None);
            };
            let until = registry.unchanged_until(cluster, &stored.changes);
            (stored, until)
        };
        let known = self.inventory.read(cluster, &stored).await;
        let known = known.map_err(|error| error.to_string())?;
        let share = Share::of(cluster, request).map_err(|fault| fault.message)?;
        let Some(share) = share else {
            return Ok(None);
        };
        let found = share.take_from(known.workloads());
        let bytes = found.items.iter().map(|known| known.bytes()).sum();
        let Some(permit) = self.answer_memory.acquire(bytes) else {
            return Err("the aggregator is processing too many responses; try again".to_owned());
        };
        let as_of = unchanged_until.map_or(stored.as_of, |until| until.max(stored.as_of));
        let age = Timestamp::now().duration_since(as_of).as_secs();
        let stale_seconds = u64::try_from(age).unwrap_or(0);
        let item = |known: &LastKnownWorkload| {
            let summary = &known.summary;
            let shown = FleetWorkload::last_known(cluster.clone(), summary, as_of, stale_seconds);
            Item {
                rank: request
                    .sort
                    .rank(known.health(), summary.created_at, summary.restarted_at),
                namespace: summary.namespace.clone(),
                kind: summary.kind,
                name: summary.name.clone(),
                shown: Snapshot::LastKnown(Box::new(shown)),
            }
        };
        Ok(Some(KnownShare {
            part: Part {
                items: found.items.into_iter().map(item).collect(),
                more: found.more,
            },
            totals: found.totals.owned(),
            as_of,
            stale_seconds,
            truncated: stored.truncated,
            permit,
        }))
    }
}
