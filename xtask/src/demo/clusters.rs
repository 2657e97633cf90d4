//! The clusters of a demo: contexts of a kubeconfig, each with the cluster's name on the bus.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

#[derive(Debug, PartialEq, Eq)]
pub struct Cluster {
    pub name: String,
    pub kubeconfig: PathBuf,
    pub context: String,
}

/// The clusters to simulate.
#[derive(Clone, Copy)]
pub struct Size {
    pub clusters: u32,
    pub namespaces: u32,
    pub deployments: u32,
    pub statefulsets: u32,
    pub daemonsets: u32,
}

/// More processes than that are too many for one machine.
const MOST_AGENTS: u32 = 20;

impl Size {
    /// Whether all clusters and their agents run in one process.
    pub fn in_one_process(self) -> bool {
        self.clusters > MOST_AGENTS
    }

    /// A timeout: each cluster and its deployments need some time to start.
    pub fn ready_within(self) -> Duration {
        Duration::from_secs(120) + Duration::from_millis(600) * self.clusters
    }
}

/// Real clusters, named after their contexts.
pub fn real(kubeconfig: &Path, contexts: &[String]) -> Result<Vec<Cluster>> {
    let kubeconfig = kubeconfig
        .canonicalize()
        .with_context(|| format!("no kubeconfig at {}", kubeconfig.display()))?;
    let mut names = BTreeSet::new();
    let mut clusters = Vec::new();
    for context in contexts {
        let name = cluster_name(context)
            .with_context(|| format!("no cluster name can be made of the context {context:?}"))?;
        ensure!(
            names.insert(name.clone()),
            "two contexts would both be the cluster {name}"
        );
        clusters.push(Cluster {
            name,
            kubeconfig: kubeconfig.clone(),
            context: context.clone(),
        });
    }
    Ok(clusters)
}

/// A DNS-1123 label: `arn:aws:eks:eu-west-1:1:cluster/Prod` becomes `arn-aws-eks-eu-west-1-1-cluster-prod`.
fn cluster_name(context: &str) -> Option<String> {
    const LONGEST: usize = 63;
    let dashed: String = context
        .to_lowercase()
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '-'
            }
        })
        .collect();
    // The end, which usually identifies the cluster.
    let start = dashed.len().saturating_sub(LONGEST);
    let name = dashed[start..].trim_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

/// The clusters of the simulator's kubeconfig, in which each context has the name of its cluster; none until it is written.
pub fn simulated(kubeconfig: &Path) -> Option<Vec<Cluster>> {
    let content = fs::read_to_string(kubeconfig).ok()?;
    let clusters = contexts(&content).map(|context| Cluster {
        name: context.to_owned(),
        kubeconfig: kubeconfig.to_owned(),
        context: context.to_owned(),
    });
    Some(clusters.collect())
}

/// Only for the plain YAML that the simulator writes, not for any kubeconfig.
fn contexts(kubeconfig: &str) -> impl Iterator<Item = &str> {
    kubeconfig
        .lines()
        .skip_while(|line| *line != "contexts:")
        .skip(1)
        .take_while(|line| line.starts_with(['-', ' ']))
        .filter_map(|line| line.strip_prefix("- name: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_what_contexts_are_called() {
        let name = |context| cluster_name(context).unwrap();
        assert_eq!(name("kind-a"), "kind-a");
        assert_eq!(name("ana@Prod.example"), "ana-prod-example");
        assert_eq!(
            name("arn:aws:eks:x:1:cluster/Prod"),
            "arn-aws-eks-x-1-cluster-prod"
        );
        assert_eq!(name("-ä-b-"), "b");
        assert_eq!(cluster_name("///"), None);
    }

    #[test]
    fn a_long_context_keeps_its_end() {
        let name = cluster_name(&format!("{}-{}", "a".repeat(80), "b".repeat(60))).unwrap();
        assert_eq!(name, format!("aa-{}", "b".repeat(60)));
    }

    #[test]
    fn two_contexts_for_one_name_are_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let contexts = ["a/b".to_owned(), "a:b".to_owned()];
        let error = real(file.path(), &contexts).unwrap_err().to_string();
        assert_eq!(error, "two contexts would both be the cluster a-b");
    }

    #[test]
    fn the_simulators_contexts_are_its_clusters() {
        let kubeconfig = "clusters:\n- name: x\n  cluster:\n    server: s\ncontexts:\n- name: a\n  context:\n    \
            user: u\n- name: b\nusers:\n- name: u\n";
        assert_eq!(contexts(kubeconfig).collect::<Vec<_>>(), ["a", "b"]);
    }
}
