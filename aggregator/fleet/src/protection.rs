//! Protected clusters and namespaces: a change there must name them once more, so that one that was meant for another place is refused.

use std::collections::BTreeSet;

use bus_schema::{ClusterName, Namespace, Pattern};

use diagnostics::{Problem, ProblemCode};

/// What is protected, by the configuration of the aggregator.
#[derive(Debug, Clone, Default)]
pub struct Protection {
    /// These clusters: names in which `*` stands for any characters.
    pub clusters: Vec<Pattern>,
    /// These namespaces, in any cluster, likewise.
    pub namespaces: Vec<Pattern>,
}

impl Protection {
    /// Whether changes there must be confirmed.
    #[must_use]
    pub fn covers(&self, cluster: &ClusterName, namespace: &Namespace) -> bool {
        Pattern::any(&self.clusters, cluster.as_str())
            || Pattern::any(&self.namespaces, namespace.as_str())
    }

    /// What confirms changes in these places: the name of the cluster, or the number of clusters if there are several; `None` if none of
    /// them is protected.
    #[must_use]
    pub fn confirmation<'a>(
        &self,
        places: impl Iterator<Item = (&'a ClusterName, &'a Namespace)>,
    ) -> Option<String> {
        let covered = places.filter(|(cluster, namespace)| self.covers(cluster, namespace));
        let clusters: BTreeSet<_> = covered.map(|(cluster, _)| cluster).collect();
        match clusters.len() {
            0 => None,
            1 => clusters.first().map(ToString::to_string),
            several => Some(format!("{several} protected clusters")),
        }
    }
}

/// Refuses a change that is not confirmed. `expected`: what confirms it, if it must be.
///
/// # Errors
/// [`ProblemCode::ConfirmationRequired`]
pub fn check_confirmation(expected: Option<&str>, confirm: Option<&str>) -> Result<(), Problem> {
    match expected {
        Some(expected) if confirm != Some(expected) => {
            let detail = format!(
                "confirm: this is protected; send \"confirm\": \"{expected}\" if it is meant"
            );
            Err(Problem::new(ProblemCode::ConfirmationRequired, detail).field("confirm"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_protected_is_confirmed_by_its_cluster_or_by_the_number_of_clusters() {
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let protection = Protection {
            clusters: patterns(&["prod-*"]),
            namespaces: patterns(&["kube-*"]),
        };
        let confirmation = |places: &[(&str, &str)]| {
            let places: Vec<(ClusterName, Namespace)> = places
                .iter()
                .map(|(cluster, namespace)| (cluster.parse().unwrap(), namespace.parse().unwrap()))
                .collect();
            protection.confirmation(
                places
                    .iter()
                    .map(|(cluster, namespace)| (cluster, namespace)),
            )
        };
        assert_eq!(confirmation(&[("dev", "shop")]), None);
        assert_eq!(
            confirmation(&[("dev", "kube-system")]).as_deref(),
            Some("dev")
        );
        assert_eq!(
            confirmation(&[("dev", "shop"), ("prod-1", "a"), ("prod-1", "b")]).as_deref(),
            Some("prod-1")
        );
        assert_eq!(
            confirmation(&[("prod-2", "a"), ("prod-1", "b")]).as_deref(),
            Some("2 protected clusters")
        );
    }

    #[test]
    fn a_confirmation_must_be_the_expected_one() {
        assert!(check_confirmation(None, None).is_ok());
        assert!(check_confirmation(Some("prod-1"), Some("prod-1")).is_ok());
        for wrong in [None, Some("prod-2"), Some("true")] {
            let refused = check_confirmation(Some("prod-1"), wrong).unwrap_err();
            assert_eq!(refused.code, ProblemCode::ConfirmationRequired);
            assert!(
                refused.detail.contains("\"confirm\": \"prod-1\""),
                "{refused}"
            );
        }
    }
}
