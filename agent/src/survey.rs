//! A cluster's share in a survey of all, answered from the caches; Kubernetes is not asked.

use bus_schema::{ClusterName, Fault, Share, SurveyDeployments, Surveyed};

use crate::cache::{Caches, Item, split};

/// The answer; `None` where the cluster is not meant or may show nothing, which is answered by silence.
pub fn deployments(
    caches: &Caches,
    cluster: &ClusterName,
    survey: &SurveyDeployments,
) -> Option<Result<Surveyed<Item>, Fault>> {
    match Share::of(cluster, survey) {
        Ok(share) => share.map(|share| answer(caches, &share)),
        Err(fault) => Some(Err(fault)),
    }
}

fn answer(caches: &Caches, share: &Share<'_>) -> Result<Surveyed<Item>, Fault> {
    caches.ready()?;
    let mut answer = caches.deployments.walk(None, |entries| {
        // Keys are in order of their namespaces.
        let found = share.take_from(entries.map(|(key, entry)| (split(key), entry)));
        Surveyed {
            items: found.items.into_iter().cloned().map(Item).collect(),
            more: found.more,
            totals: found.totals,
            stale_seconds: None,
        }
    });
    answer.stale_seconds = caches.stale_seconds();
    Ok(answer)
}
