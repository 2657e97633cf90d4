//! A cluster's share in a fleet query, answered from the caches; Kubernetes is not asked.

use bus_schema::{ClusterName, Fault, FleetQueryRequest, FleetQueryResponse, Share};

use crate::cache::{Caches, Item, Line};
use crate::verb::payload;

/// The answer as JSON; `None` where the cluster is not meant or may show nothing, which is answered by silence.
pub fn deployments(
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
    let deployments = caches.snapshot();
    let found = share.take_from(deployments.lines());
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
