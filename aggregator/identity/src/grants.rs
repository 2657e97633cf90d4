//! Authorisation: who may do what, and where, decided in one function. Knows neither users nor files nor requests.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bus_schema::{ClusterName, Namespace, Pattern, Right, Scope};
use serde::Serialize;
use utoipa::ToSchema;

use labels::{ClusterSelector, FleetLabels};

mod role;

pub use role::{BUILT_IN_ROLES, built_in};

/// Rights in some clusters and namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[schema(examples(json!({"role": "restarter", "rights": ["read", "logs", "restart"],
    "clusters": ["prod-*"], "namespaces": ["pay", "shop-*"]})))]
pub struct Grant {
    /// The role's name.
    pub role: String,
    /// What the role allows.
    pub rights: BTreeSet<Right>,
    /// The clusters, by name; `*` stands for any characters.
    #[schema(value_type = Vec<String>)]
    pub clusters: Vec<Pattern>,
    /// Only those of them whose labels this selector selects.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "env=prod")]
    pub cluster_labels: Option<ClusterSelector>,
    /// The namespaces in them, by name; `*` stands for any characters.
    #[schema(value_type = Vec<String>)]
    pub namespaces: Vec<Pattern>,
}

impl Grant {
    fn covers_cluster(&self, cluster: &ClusterName, labels: &FleetLabels) -> bool {
        Pattern::any(&self.clusters, cluster.as_str())
            && self.cluster_labels.as_ref().is_none_or(|selector| {
                // The labels of a cluster without any may just not be known: nothing is granted there, not even by `env!=prod`.
                let labels = labels.of(cluster);
                !labels.is_empty() && selector.selects(labels)
            })
    }

    /// Whether it covers all clusters and namespaces, including future ones.
    fn covers_everything(&self) -> bool {
        self.cluster_labels.is_none()
            && self.clusters.iter().any(Pattern::matches_all)
            && self.namespaces.iter().any(Pattern::matches_all)
    }

    fn covers(
        &self,
        right: Right,
        (cluster, labels): (&ClusterName, &FleetLabels),
        namespace: Option<&Namespace>,
    ) -> bool {
        self.rights.contains(&right)
            && self.covers_cluster(cluster, labels)
            && namespace.is_none_or(|namespace| Pattern::any(&self.namespaces, namespace.as_str()))
    }
}

/// All grants of one user, evaluated with the labels of clusters at one moment.
#[derive(Debug, Clone)]
pub struct Grants {
    granted: Arc<[Grant]>,
    labels: Arc<FleetLabels>,
}

impl Grants {
    /// These grants with these labels.
    #[must_use]
    pub fn new(granted: Arc<[Grant]>, labels: Arc<FleetLabels>) -> Self {
        Self { granted, labels }
    }

    /// Whether they allow the same in every cluster with these labels.
    #[must_use]
    pub fn holds_with(&self, labels: &FleetLabels) -> bool {
        let changed = labels.changed_since(&self.labels);
        let mut granted = self.granted.iter();
        granted.all(|grant| {
            let same = |cluster: &ClusterName| {
                grant.covers_cluster(cluster, &self.labels) == grant.covers_cluster(cluster, labels)
            };
            changed.iter().all(same)
        })
    }

    /// The decision. Without a namespace it is about the cluster as a whole: one grant with that right that covers the cluster
    /// is enough, whatever its namespaces.
    #[must_use]
    pub fn may(&self, right: Right, cluster: &ClusterName, namespace: Option<&Namespace>) -> bool {
        let cluster = (cluster, &*self.labels);
        let mut granted = self.granted.iter();
        granted.any(|grant| grant.covers(right, cluster, namespace))
    }

    /// Whether this user may know that the cluster exists.
    #[must_use]
    pub fn sees(&self, cluster: &ClusterName) -> bool {
        self.may(Right::Read, cluster, None)
    }

    /// Whether all of the cluster's namespaces may be seen, including future ones.
    #[must_use]
    pub fn sees_all_of(&self, cluster: &ClusterName) -> bool {
        self.may_in_all_of(Right::Read, cluster)
    }

    /// Whether they give this right in all of the cluster's namespaces, including future ones.
    #[must_use]
    pub fn may_in_all_of(&self, right: Right, cluster: &ClusterName) -> bool {
        self.granted.iter().any(|grant| {
            grant.covers(right, (cluster, &self.labels), None)
                && grant.namespaces.iter().any(Pattern::matches_all)
        })
    }

    /// Patterns of the namespaces of a cluster that may be seen.
    #[must_use]
    pub fn namespaces(&self, cluster: &ClusterName) -> Vec<Pattern> {
        let grants = self.granted.iter();
        grants
            .filter(|grant| grant.covers(Right::Read, (cluster, &self.labels), None))
            .flat_map(|grant| grant.namespaces.iter().cloned())
            .collect()
    }

    /// Where a right was granted, for agents, which apply it without knowing the rest: these cover exactly the namespaces of a cluster for
    /// which [`Grants::may`] says yes. Clusters that were granted by labels are named.
    #[must_use]
    pub fn scopes(&self, right: Right) -> Vec<Scope> {
        let granted = self.granted.iter();
        let granted = granted.filter(|grant| grant.rights.contains(&right));
        let scope = |grant: &Grant| Scope {
            clusters: match self.labelled_clusters(grant) {
                None => grant.clusters.clone(),
                Some(clusters) => clusters.map(Pattern::from).collect(),
            },
            namespaces: grant.namespaces.clone(),
        };
        granted.map(scope).collect()
    }

    /// Whether the right was granted for all clusters and namespaces, including future ones: required for what belongs to none of them,
    /// such as the sign-ins in the audit.
    #[must_use]
    pub fn everywhere(&self, right: Right) -> bool {
        let mut granted = self.granted.iter();
        granted.any(|grant| grant.rights.contains(&right) && grant.covers_everything())
    }

    /// The clusters that a grant by labels covers; `None` for a grant by names alone.
    pub fn labelled_clusters<'a>(
        &'a self,
        grant: &'a Grant,
    ) -> Option<impl Iterator<Item = &'a ClusterName>> {
        grant.cluster_labels.as_ref()?;
        let labelled = self.labels.names();
        Some(labelled.filter(|cluster| grant.covers_cluster(cluster, &self.labels)))
    }

    /// Each grant, to show to its user.
    #[must_use]
    pub fn as_slice(&self) -> &[Grant] {
        &self.granted
    }
}

/// Conservative: grants that allow the same may compare as different, but grants that allow different things never compare as equal.
impl Hash for Grants {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.granted.hash(state);
        self.scopes(Right::Read)
            .iter()
            .for_each(|scope| scope.hash(state));
    }
}

#[cfg(test)]
mod tests;
