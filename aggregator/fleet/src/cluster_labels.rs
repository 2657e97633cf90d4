//! Labels of clusters. Only principals who may enroll every cluster may change them, since grants can select clusters by label. All
//! replicas watch them.

use std::sync::Arc;
use std::time::Duration;

use bus_schema::{ClusterName, OperationId, Right};
use tracing::warn;

use super::agent_link::AgentLink;
use super::change_limit::ChangeLimit;
use super::journal::Journal;
use super::refusals::{bus_unavailable, unknown};
use super::{Clusters, SharedRegistry};
use audit::RequestSource;
use audit::Target;
use diagnostics::{Problem, ProblemCode};
use identity::Grants;
use identity::Principal;
use labels::{FleetLabels, LabelError, LabelPatch, Labels};
use storage::WatchEvent;

/// How long to wait for a change to come back from the bucket before responding anyway.
const LEARNT_WITHIN: Duration = Duration::from_secs(2);

/// Watches the labels until the program ends.
pub async fn follow_labels(clusters: Clusters, registry: Arc<SharedRegistry>) {
    let (mut labels, mut is_synced) = (FleetLabels::default(), false);
    let watch = clusters.labels().watch();
    let on = |event| {
        let is_new = match event {
            WatchEvent::Replaced => {
                labels.forget_revision();
                false
            }
            WatchEvent::Changed(cluster, entry) => labels.put(cluster, entry) && is_synced,
            WatchEvent::Synced(snapshot) => {
                labels.retain(&snapshot);
                is_synced = true;
                true
            }
        };
        if is_new {
            registry.learn_labels(labels.clone());
        }
    };
    watch.run(None, on).await;
}

/// Changes the labels of clusters.
#[derive(Debug)]
pub struct ClusterLabels {
    clusters: Clusters,
    registry: Arc<SharedRegistry>,
    /// No changes while this replica is partitioned from the bus.
    link: Arc<AgentLink>,
    journal: Journal,
    change_limit: Arc<ChangeLimit>,
}

impl ClusterLabels {
    /// Uses the labels in these buckets, for the clusters of this registry.
    #[must_use]
    pub fn new(
        clusters: Clusters,
        registry: Arc<SharedRegistry>,
        link: Arc<AgentLink>,
        journal: Journal,
        change_limit: Arc<ChangeLimit>,
    ) -> Self {
        Self {
            clusters,
            registry,
            link,
            journal,
            change_limit,
        }
    }

    /// Changes the labels of a known cluster.
    ///
    /// # Errors
    /// If the principal may not, there is no such cluster, it would have too many labels, or the audit log or the bus is unavailable.
    pub async fn label(
        self: &Arc<Self>,
        principal: &Principal,
        source: &RequestSource,
        cluster: &ClusterName,
        patch: LabelPatch,
    ) -> Result<(OperationId, Labels), Problem> {
        let presence = self.registry.presence(cluster);
        if !principal.grants.sees(cluster) || presence.is_none() {
            return Err(unknown(cluster));
        }
        if !may_label(&principal.grants) {
            return Err(forbidden());
        }
        if self.link.is_cut_off() {
            return Err(bus_unavailable());
        }
        self.change_limit.count(&principal.user)?;
        let target = Target::cluster(cluster);
        let mut entry = self.journal.entry(&principal.user, source, "label", target);
        entry.detail = Some(patch.to_string());
        let (labels, cluster) = (Arc::clone(self), cluster.clone());
        let put = async move { labels.put(&cluster, &patch).await };
        self.journal.record_to_end(entry, put).await
    }

    /// Changes labels, and waits until they are in effect here.
    async fn put(&self, cluster: &ClusterName, patch: &LabelPatch) -> Result<Labels, LabelError> {
        let (labels, revision) = self.clusters.patch_labels(cluster, patch).await?;
        let mut all = self.registry.labels();
        let learnt = all.wait_for(|all| all.has(revision));
        if tokio::time::timeout(LEARNT_WITHIN, learnt).await.is_err() {
            warn!(%cluster, "label changes are not in effect here yet");
        }
        Ok(labels)
    }

    /// Sets the labels that a cluster gets with a credential: after the credential was created and before anyone receives it who could
    /// join with it.
    ///
    /// # Errors
    /// If there would be too many, or the bucket does not respond.
    pub async fn put_first(&self, cluster: &ClusterName, labels: Labels) -> Result<(), LabelError> {
        if labels.is_empty() {
            return Ok(());
        }
        self.put(cluster, &labels.into()).await.map(drop)
    }
}

/// Changing labels changes the permissions of all users whose grants select clusters by label.
pub fn may_label(grants: &Grants) -> bool {
    grants.everywhere(Right::Enroll)
}

/// Whether a cluster may be given these labels with its credential.
///
/// # Errors
/// [`ProblemCode::Forbidden`] when the principal may not.
pub fn may_set_labels(principal: &Principal, labels: &Labels) -> Result<(), Problem> {
    match labels.is_empty() || may_label(&principal.grants) {
        true => Ok(()),
        false => Err(forbidden()),
    }
}

fn forbidden() -> Problem {
    Problem::new(
        ProblemCode::Forbidden,
        "labels decide about grants, so only someone with the right \"enroll\" on all clusters and namespaces may set them; GET /me lists your grants",
    )
}
