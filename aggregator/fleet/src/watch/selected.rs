//! The clusters that a reader selects by labels.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bus_schema::ClusterName;
use tokio::sync::watch;

use labels::{ClusterSelector, FleetLabels};

/// Clusters that a selector selects, by the last known labels.
#[derive(Debug, Clone)]
pub struct SelectedClusters {
    selector: ClusterSelector,
    known: Arc<FleetLabels>,
    labels: watch::Receiver<Arc<FleetLabels>>,
}

impl SelectedClusters {
    /// Selects by the current labels.
    #[must_use]
    pub fn new(selector: ClusterSelector, labels: watch::Receiver<Arc<FleetLabels>>) -> Self {
        let known = Arc::clone(&labels.borrow());
        Self {
            selector,
            known,
            labels,
        }
    }

    pub(super) fn has(&self, cluster: &ClusterName) -> bool {
        self.selector.selects(self.known.of(cluster))
    }

    /// Updates to the current labels; returns whether the selection has changed.
    pub(super) fn renew(&mut self) -> bool {
        let now = Arc::clone(&self.labels.borrow_and_update());
        let before = std::mem::replace(&mut self.known, now);
        let mut changed = self.known.changed_since(&before).into_iter();
        changed.any(|cluster| self.has(&cluster) != self.selector.selects(before.of(&cluster)))
    }

    /// Resolves when labels have changed since the last update.
    pub(super) async fn changed(&mut self) {
        if self.labels.changed().await.is_err() {
            // The sender is gone, so nothing can change any more.
            std::future::pending::<()>().await;
        }
    }
}

/// A stream can be resumed only with the same selected clusters.
impl Hash for SelectedClusters {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.selector.hash(state);
        for cluster in self.known.names() {
            (cluster, self.has(cluster)).hash(state);
        }
    }
}
