//! Who may do what, and where: the one function that decides. Knows neither people nor files nor requests.

use std::collections::BTreeSet;

use bus_schema::{ClusterName, Namespace, Pattern, Right, Scope};
use serde::Serialize;
use utoipa::ToSchema;

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
    /// Where: names of clusters, `*` stands for any characters.
    #[schema(value_type = Vec<String>)]
    pub clusters: Vec<Pattern>,
    /// Where in them: names of namespaces, `*` stands for any characters.
    #[schema(value_type = Vec<String>)]
    pub namespaces: Vec<Pattern>,
}

impl Grant {
    fn covers(&self, right: Right, cluster: &ClusterName, namespace: Option<&Namespace>) -> bool {
        self.rights.contains(&right)
            && Pattern::any(&self.clusters, cluster.as_str())
            && namespace.is_none_or(|namespace| Pattern::any(&self.namespaces, namespace.as_str()))
    }
}

/// All that one person was granted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Grants(Vec<Grant>);

impl Grants {
    /// Exactly these.
    #[must_use]
    pub fn new(grants: Vec<Grant>) -> Self {
        Self(grants)
    }

    /// The decision. Without a namespace it is about the cluster as a whole: one grant with that right that covers the cluster
    /// suffices, whatever its namespaces.
    #[must_use]
    pub fn may(&self, right: Right, cluster: &ClusterName, namespace: Option<&Namespace>) -> bool {
        self.0
            .iter()
            .any(|grant| grant.covers(right, cluster, namespace))
    }

    /// Whether the cluster exists for this person.
    #[must_use]
    pub fn sees(&self, cluster: &ClusterName) -> bool {
        self.may(Right::Read, cluster, None)
    }

    /// Whether all of the cluster's namespaces may be seen, those to come included.
    #[must_use]
    pub fn sees_all_of(&self, cluster: &ClusterName) -> bool {
        self.0.iter().any(|grant| {
            grant.covers(Right::Read, cluster, None)
                && grant.namespaces.iter().any(Pattern::matches_all)
        })
    }

    /// The namespaces of a cluster that may be seen: those that match any of these.
    #[must_use]
    pub fn namespaces(&self, cluster: &ClusterName) -> Vec<Pattern> {
        let grants = self.0.iter();
        grants
            .filter(|grant| grant.covers(Right::Read, cluster, None))
            .flat_map(|grant| grant.namespaces.iter().cloned())
            .collect()
    }

    /// Where a right was granted, for those who apply it without knowing the rest: a cluster's namespaces that any of these
    /// covers are just those of which [`Grants::may`] says so.
    #[must_use]
    pub fn scopes(&self, right: Right) -> Vec<Scope> {
        let granted = self.0.iter().filter(|grant| grant.rights.contains(&right));
        let scope = |grant: &Grant| Scope {
            clusters: grant.clusters.clone(),
            namespaces: grant.namespaces.clone(),
        };
        granted.map(scope).collect()
    }

    /// Whether the right was granted for all clusters and namespaces, those to come included: for what belongs to none of them,
    /// such as the sign-ins in the audit.
    #[must_use]
    pub fn everywhere(&self, right: Right) -> bool {
        self.0.iter().any(|grant| {
            grant.rights.contains(&right)
                && grant.clusters.iter().any(Pattern::matches_all)
                && grant.namespaces.iter().any(Pattern::matches_all)
        })
    }

    /// Each grant, to show to its holder.
    #[must_use]
    pub fn as_slice(&self) -> &[Grant] {
        &self.0
    }
}

#[cfg(test)]
mod tests;
