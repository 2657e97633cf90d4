//! What one reader may see and has selected.

use std::sync::Arc;

use bus_schema::{Pattern, Right};

use super::{Event, SelectedClusters};
use identity::Grants;

/// The view of a reader.
#[derive(Debug, Clone, Hash)]
pub struct View {
    /// What the reader may see.
    pub grants: Arc<Grants>,
    /// Only these clusters; all if empty.
    pub clusters: Vec<Pattern>,
    /// Only clusters selected by their labels; all if absent.
    pub selected: Option<SelectedClusters>,
    /// Only workloads in these namespaces; all if empty.
    pub namespaces: Vec<Pattern>,
}

impl View {
    /// The data of an event for this reader; `None` if there is none.
    pub(super) fn of<'a>(&self, event: &'a Event) -> Option<&'a Arc<str>> {
        let (cluster, namespace) = (&event.cluster, event.namespace.as_ref());
        let wanted = Pattern::any_or_all(&self.clusters, cluster.as_str())
            && self.selected.as_ref().is_none_or(|it| it.has(cluster))
            && namespace
                .is_none_or(|namespace| Pattern::any_or_all(&self.namespaces, namespace.as_str()));
        if !wanted || !self.grants.may(Right::Read, cluster, namespace) {
            return None;
        }
        let all = self.namespaces.is_empty() && self.grants.sees_all_of(cluster);
        let delivered = if all { &event.whole } else { &event.part };
        delivered.as_ref()
    }
}
