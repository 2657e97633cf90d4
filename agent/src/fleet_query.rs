//! Answers a fleet query for this cluster from the caches, without calling Kubernetes.

use bus_schema::{ClusterName, Fault, FleetQueryRequest, FleetQueryResponse, Share};

use crate::cache::{Caches, Item, Line};
use crate::verb::payload;

/// The response as JSON; `None` if the query does not select the cluster or the requester may see nothing of it: then the agent does
/// not answer.
pub fn workloads(
    caches: &Caches,
    cluster: &ClusterName,
    request: &FleetQueryRequest,
) -> Option<Result<Vec<u8>, Fault>> {
    match Share::of(cluster, request) {
        Ok(share) => share.map(|share| answer(caches, &share)),
        Err(fault) => Some(Err(fault)),
    }
}

fn answer(caches: &Caches, share: &Share<'_>) -> Result<Vec<u8>, Fault> {
    caches.ready()?;
    let workloads = caches.snapshot();
    let found = share.take_from(workloads.lines());
    payload::write(&FleetQueryResponse {
        items: found
            .items
            .into_iter()
            .map(|line: Line| Item(line.entry()))
            .collect(),
        more: found.more,
        totals: found.totals,
        stale_seconds: caches.stale_seconds(),
    })
}
