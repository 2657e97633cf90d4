//! Labels of clusters: changed by those alone who may enroll every cluster, since grants may go by labels, and learnt by all replicas.

use std::sync::Arc;
use std::time::Duration;

use bus_schema::{ClusterName, OperationId, Right};
use tokio::sync::watch::Receiver;
use tracing::warn;

use super::Fleet;
use super::ask::{bus_unavailable, unknown};
use crate::watch::Event;
use audit::RequestSource;
use audit::Target;
use diagnostics::{Problem, ProblemCode};
use identity::Grants;
use identity::Principal;
use labels::{FleetLabels, LabelError, LabelPatch, Labels};
use registry::Moment;
use storage::WatchEvent;

/// How long a change may take to come back from the bucket before its maker is answered all the same.
const LEARNT_WITHIN: Duration = Duration::from_secs(2);

/// Keeps up with the labels, for good.
pub async fn follow_labels(fleet: Arc<Fleet>) {
    let (mut labels, mut is_synced) = (FleetLabels::default(), false);
    let watch = fleet.clusters.labels().watch();
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
            fleet.learn_labels(labels.clone());
        }
    };
    watch.run(None, on).await;
}

impl Fleet {
    /// The labels of all clusters, and a notice whenever one changes.
    #[must_use]
    pub fn labels(&self) -> Receiver<Arc<FleetLabels>> {
        self.labels.subscribe()
    }

    /// The labels of all clusters, as of now.
    #[must_use]
    pub fn current_labels(&self) -> Arc<FleetLabels> {
        Arc::clone(&self.labels.borrow())
    }

    /// Changes the labels of a known cluster.
    ///
    /// # Errors
    /// When the principal may not, there is no such cluster, it would have too many, or audit or bus are away.
    pub async fn label(
        self: &Arc<Self>,
        principal: &Principal,
        source: &RequestSource,
        cluster: &ClusterName,
        patch: LabelPatch,
    ) -> Result<(OperationId, Labels), Problem> {
        let presence = self.registry().presence(cluster, Moment::now());
        if !principal.grants.sees(cluster) || presence.is_none() {
            return Err(unknown(cluster));
        }
        if !may_label(&principal.grants) {
            return Err(forbidden());
        }
        if self.is_cut_off() {
            return Err(bus_unavailable());
        }
        self.count_change(&principal.user)?;
        let mut entry = self.entry(&principal.user, source, "label", Target::cluster(cluster));
        entry.detail = Some(patch.to_string());
        let (fleet, cluster) = (Arc::clone(self), cluster.clone());
        self.record(
            entry,
            async move { fleet.put_labels(&cluster, &patch).await },
        )
        .await
    }

    /// Changes labels, and waits until they count here.
    pub(super) async fn put_labels(
        &self,
        cluster: &ClusterName,
        patch: &LabelPatch,
    ) -> Result<Labels, LabelError> {
        let (labels, revision) = self.clusters.patch_labels(cluster, patch).await?;
        let mut all = self.labels.subscribe();
        let learnt = all.wait_for(|all| all.has(revision));
        if tokio::time::timeout(LEARNT_WITHIN, learnt).await.is_err() {
            warn!(%cluster, "label changes are not in effect here yet");
        }
        Ok(labels)
    }

    /// Those that a cluster gets with a credential: after it was made, and before anybody has it who could join with it.
    ///
    /// # Errors
    /// When there would be too many, or the bucket does not answer.
    pub async fn put_first_labels(
        &self,
        cluster: &ClusterName,
        labels: Labels,
    ) -> Result<(), LabelError> {
        if labels.is_empty() {
            return Ok(());
        }
        self.put_labels(cluster, &labels.into()).await.map(drop)
    }

    /// Takes over the labels of all clusters, and tells those who watch.
    pub(super) fn learn_labels(&self, labels: FleetLabels) {
        let labels = Arc::new(labels);
        let (mut registry, now) = (self.registry_mut(), Moment::now());
        let changed = labels.changed_since(&self.labels.borrow());
        registry.label(Arc::clone(&labels));
        for cluster in &changed {
            registry.look(cluster, now, |news| self.watch.tell(Event::of(news)));
        }
        self.labels.send_replace(labels);
    }
}

/// Whoever changes labels changes what everybody may do whose grants go by them.
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
        "labels decide about grants, so only somebody with the right \"enroll\" on all clusters and namespaces may set them; GET /me lists your grants",
    )
}
