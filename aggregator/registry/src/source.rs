//! Whether a cluster can be read so that what it says may be kept as its own, and what it has said since.

use std::collections::BTreeMap;

use bus_schema::{ClusterName, ConditionType, InstanceId};
use jiff::Timestamp;

use super::{Moment, Presence, Registry};

/// The number of the last change that each of a cluster's agents had told.
pub type LastChanges = BTreeMap<InstanceId, u64>;

/// Whose list can be read now, and how far it had told its changes then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListSource {
    /// The uid of the Kubernetes cluster.
    pub cluster_uid: String,
    /// `None` where an agent does not tell them.
    pub changes: Option<LastChanges>,
}

impl Registry {
    /// Whose list would be read now; `None` where the cluster is not heard, not certain to be itself, or has not read its own list yet.
    #[must_use]
    pub fn source(&self, cluster: &ClusterName, now: Moment) -> Option<ListSource> {
        let known = self.clusters.get(cluster)?;
        let epoch = self.bus_liveness.epoch(now.instant);
        if known.presence(epoch) != Presence::Online || known.rival(epoch).is_some() {
            return None;
        }
        known.record.heartbeat.counts.as_ref()?;
        let told = known.alive(epoch).map(|heard| {
            let heartbeat = &heard.heartbeat;
            Some((heartbeat.instance.clone(), heartbeat.changes?))
        });
        Some(ListSource {
            cluster_uid: known.record.cluster_uid.clone()?,
            changes: told.collect(),
        })
    }

    /// When a cluster was last heard, if it had told no more changes until then than these, and sees its deployments.
    #[must_use]
    pub fn unchanged_until(
        &self,
        cluster: &ClusterName,
        changes: &LastChanges,
    ) -> Option<Timestamp> {
        let record = &self.clusters.get(cluster)?.record;
        let heartbeat = &record.heartbeat;
        let blind = |kind| {
            use ConditionType::{CacheStale, Forbidden, KubernetesUnreachable, Unauthorized};
            matches!(
                kind,
                CacheStale | Forbidden | KubernetesUnreachable | Unauthorized
            )
        };
        if heartbeat
            .conditions
            .iter()
            .any(|condition| blind(condition.kind))
        {
            return None;
        }
        let told = heartbeat.changes?;
        (changes.get(&heartbeat.instance) == Some(&told)).then_some(record.last_seen)
    }
}
