//! The manifests as they were last heard of, and whether a list should be written anew. A value: time is an argument.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bus_schema::ClusterName;

use super::{CLAIM_LEASE, Manifest, Source};

/// The manifests of all clusters.
#[derive(Debug, Default)]
pub struct SeenManifests(BTreeMap<ClusterName, Seen>);

/// A manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What it says.
    pub manifest: Manifest,
    /// Where it stands in the bucket.
    pub revision: u64,
    /// When it came. Not by the clock of whoever wrote it.
    at: Instant,
    /// When the list that counts came.
    kept_at: Instant,
}

impl SeenManifests {
    /// What is known of a cluster's manifest.
    #[must_use]
    pub fn get(&self, cluster: &ClusterName) -> Option<&Seen> {
        self.0.get(cluster)
    }

    /// Clusters with a manifest that has stood for this long.
    pub fn older_than(&self, age: Duration, now: Instant) -> impl Iterator<Item = &ClusterName> {
        let old = move |seen: &Seen| now.saturating_duration_since(seen.at) >= age;
        self.0
            .iter()
            .filter(move |(_, seen)| old(seen))
            .map(|(cluster, _)| cluster)
    }

    /// Takes in a manifest, unless a newer one is known.
    pub fn put(&mut self, cluster: ClusterName, manifest: Manifest, revision: u64, now: Instant) {
        let before = self.0.get(&cluster);
        if before.is_some_and(|before| before.revision >= revision) {
            return;
        }
        let list = |manifest: &Manifest| manifest.kept.as_ref().map(|kept| kept.id.clone());
        let same = before.filter(|before| list(&before.manifest) == list(&manifest));
        let kept_at = same.map_or(now, |before| before.kept_at);
        let seen = Seen {
            manifest,
            revision,
            at: now,
            kept_at,
        };
        self.0.insert(cluster, seen);
    }

    /// There is none any more.
    pub fn forget(&mut self, cluster: &ClusterName) {
        self.0.remove(cluster);
    }
}

impl Seen {
    /// Whether this cluster's list should be written anew: at most once in `every`, and only if it has changed.
    #[must_use]
    pub fn is_due(&self, source: &Source, every: Duration, now: Instant) -> bool {
        let passed = |since: Instant, time| now.saturating_duration_since(since) >= time;
        if self.manifest.claim.is_some() && !passed(self.at, CLAIM_LEASE) {
            return false;
        }
        let Some(kept) = &self.manifest.kept else {
            return true;
        };
        let changed = source.changes.as_ref() != Some(&kept.changes);
        kept.cluster_uid != source.cluster_uid || (changed && passed(self.kept_at, every))
    }
}
