//! Detects changes of clusters and publishes each once, for subscribers. Code that changes the registry compares the cluster with its last
//! published view afterwards; changes by time alone are found by comparing all clusters periodically.

use bus_schema::{ClusterName, Condition, ConditionType};
use jiff::Timestamp;

use super::Registry;
use super::bus_liveness::LivenessEpoch;
use super::cluster_entry::ClusterEntry;
use super::feed::Gap;
use super::moment::Moment;
use super::view::ClusterView;
use super::view::{allowed_verbs, of_part};
use labels::Labels;

/// A change in the registry.
#[derive(Debug, Clone)]
pub enum RegistryEvent {
    /// The view of a cluster has changed, or the cluster is new: for users who may see all of it, for those who may see a part, or for both.
    Changed {
        /// The cluster.
        cluster: ClusterName,
        /// For users who may see all of its namespaces; `None` if their view is unchanged.
        whole: Option<Box<ClusterView>>,
        /// For users who may see some of them, likewise.
        part: Option<Box<ClusterView>>,
    },
    /// Changes of a cluster's deployments were missed, with their number if it is known.
    Missed(ClusterName, Option<u64>),
}

impl Registry {
    /// Publishes what has changed about a cluster.
    pub fn publish_changes(
        &mut self,
        cluster: &ClusterName,
        now: Moment,
        mut publish: impl FnMut(RegistryEvent),
    ) {
        let epoch = self.bus_liveness.epoch(now.instant);
        if let Some(entry) = self.clusters.get_mut(cluster) {
            let labels = self.labels.of(cluster);
            entry.publish_changes((cluster, labels), (epoch, now.wall), &mut publish);
        }
    }

    /// Publishes what has changed about any cluster.
    pub fn publish_all_changes(&mut self, now: Moment, mut publish: impl FnMut(RegistryEvent)) {
        let epoch = self.bus_liveness.epoch(now.instant);
        for (cluster, entry) in &mut self.clusters {
            let labels = self.labels.of(cluster);
            entry.publish_changes((cluster, labels), (epoch, now.wall), &mut publish);
        }
    }
}

impl ClusterEntry {
    fn publish_changes(
        &mut self,
        (cluster, labels): (&ClusterName, &Labels),
        (now, wall): (LivenessEpoch, Timestamp),
        publish: &mut impl FnMut(RegistryEvent),
    ) {
        let mut shown = std::mem::take(&mut self.published_views);
        let conditions = self.conditions(now, wall);
        let counts = self.record.heartbeat.counts.as_ref();
        let whole = shown.whole.is_due(now, |last| {
            self.equals(last, labels, now)
                && last.counts.as_ref() == counts
                && same(&last.conditions, &conditions)
        });
        let part = shown.part.is_due(now, |last| {
            self.equals(last, labels, now) && same(&last.conditions, &of_part(&conditions))
        });
        if whole || part {
            let view = self.view(cluster.clone(), labels, (now, wall));
            let part = part.then(|| Box::new(view.clone().of_part()));
            let whole = whole.then(|| Box::new(view));
            shown.whole.view = whole.clone().or(shown.whole.view);
            shown.part.view = part.clone().or(shown.part.view);
            let cluster = cluster.clone();
            publish(RegistryEvent::Changed {
                cluster,
                whole,
                part,
            });
        }
        self.published_views = shown;
        match self.follow(now) {
            Some(Gap::Counted(missed)) => {
                publish(RegistryEvent::Missed(cluster.clone(), Some(missed)))
            }
            Some(Gap::Unknown) => publish(RegistryEvent::Missed(cluster.clone(), None)),
            None => {}
        }
    }

    /// Compares all but ages, counts and conditions, without building a view, since it runs for every heartbeat.
    fn equals(&self, view: &ClusterView, labels: &Labels, now: LivenessEpoch) -> bool {
        let heartbeat = &self.record.heartbeat;
        view.labels == *labels
            && view.presence == self.presence(now)
            && view.agents == self.alive(now).count()
            && view.cluster_uid == self.record.cluster_uid
            && view.kubernetes_version == heartbeat.kubernetes_version
            && view.agent_version == heartbeat.agent_version
            && view.verbs == heartbeat.verbs
            && view.allowed_verbs.iter().eq(allowed_verbs(heartbeat))
    }
}

/// Compares conditions, except for messages that contain a running count.
fn same(before: &[Condition], now: &[Condition]) -> bool {
    let same = |(before, now): (&Condition, &Condition)| {
        let counts_on = matches!(
            now.kind,
            ConditionType::ClockSkew | ConditionType::Misbehaving
        );
        before.kind == now.kind && (counts_on || before.message == now.message)
    };
    before.len() == now.len() && before.iter().zip(now).all(same)
}
