//! Whether a cluster's list can be read to be saved as its last known state, and whether it has changed since.

use std::collections::BTreeMap;

use bus_schema::{ClusterName, ConditionType, InstanceId};
use jiff::Timestamp;

use super::Registry;
use super::moment::Moment;
use super::presence::Presence;

/// The number of the last change reported by each of a cluster's agents.
pub type LastChanges = BTreeMap<InstanceId, u64>;

/// A cluster whose list can be read now, and the last changes that it had reported by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListSource {
    /// The uid of the Kubernetes cluster.
    pub cluster_uid: String,
    /// `None` if an agent does not report changes.
    pub changes: Option<LastChanges>,
}

impl Registry {
    /// The source of a list that is read now; `None` if the cluster is not online, its identity is contested, or its agent has not read its
    /// list yet.
    #[must_use]
    pub fn source(&self, cluster: &ClusterName, now: Moment) -> Option<ListSource> {
        let entry = self.clusters.get(cluster)?;
        let epoch = self.bus_liveness.epoch(now.instant);
        if entry.presence(epoch) != Presence::Online || entry.rival(epoch).is_some() {
            return None;
        }
        entry.record.heartbeat.counts.as_ref()?;
        let changes = entry.alive(epoch).map(|instance| {
            let heartbeat = &instance.heartbeat;
            Some((heartbeat.instance.clone(), heartbeat.changes?))
        });
        Some(ListSource {
            cluster_uid: entry.record.cluster_uid.clone()?,
            changes: changes.collect(),
        })
    }

    /// When the last heartbeat arrived, if the agent sees its deployments and has reported no changes after these.
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
        let reported = heartbeat.changes?;
        (changes.get(&heartbeat.instance) == Some(&reported)).then_some(record.last_seen)
    }
}
