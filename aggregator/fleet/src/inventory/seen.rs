//! The last received manifests, and whether a list is due to be written again. A value: time is an argument.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bus_schema::ClusterName;

use super::Manifest;
use registry::ListSource;
use storage::Observed;

/// The manifests of all clusters.
#[derive(Debug, Default)]
pub struct SeenManifests(BTreeMap<ClusterName, Seen>);

/// A manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The manifest as last received.
    pub manifest: Observed<Manifest>,
    /// When the current list was received.
    stored_at: Instant,
}

impl SeenManifests {
    /// The last received manifest of a cluster.
    #[must_use]
    pub fn get(&self, cluster: &ClusterName) -> Option<&Seen> {
        self.0.get(cluster)
    }

    /// Clusters whose manifest is unchanged for this long.
    pub fn older_than(&self, age: Duration, now: Instant) -> impl Iterator<Item = &ClusterName> {
        let old = move |seen: &Seen| seen.manifest.age(now) >= age;
        self.0
            .iter()
            .filter(move |(_, seen)| old(seen))
            .map(|(cluster, _)| cluster)
    }

    /// Records a manifest, unless a newer one is known.
    pub fn put(&mut self, cluster: ClusterName, manifest: Manifest, revision: u64, now: Instant) {
        let before = self.0.get(&cluster);
        if before.is_some_and(|before| before.manifest.revision >= revision) {
            return;
        }
        let list = |manifest: &Manifest| manifest.stored.as_ref().map(|stored| stored.id.clone());
        let same = before.filter(|before| list(&before.manifest.record) == list(&manifest));
        let stored_at = same.map_or(now, |before| before.stored_at);
        let seen = Seen {
            manifest: Observed::new(manifest, revision, now),
            stored_at,
        };
        self.0.insert(cluster, seen);
    }

    /// Removes manifests for which `is_there` returns false.
    pub fn retain(&mut self, is_there: impl Fn(&ClusterName, &Seen) -> bool) {
        self.0.retain(|cluster, seen| is_there(cluster, seen));
    }

    /// Removes a cluster's manifest.
    pub fn forget(&mut self, cluster: &ClusterName) {
        self.0.remove(cluster);
    }
}

impl Seen {
    /// Whether this cluster's list is due to be written: at most once in `every`, and only if it has changed.
    #[must_use]
    pub fn is_due(&self, source: &ListSource, every: Duration, now: Instant) -> bool {
        if self.manifest.is_leased(now) {
            return false;
        }
        let Some(stored) = &self.manifest.record.stored else {
            return true;
        };
        let is_changed = source.changes.as_ref() != Some(&stored.changes);
        let is_old = now.saturating_duration_since(self.stored_at) >= every;
        stored.cluster_uid != source.cluster_uid || (is_changed && is_old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Generation;
    use registry::LastChanges;
    use storage::Leased;

    const MINUTE: Duration = Duration::from_secs(60);

    fn source(uid: &str, published: Option<u64>) -> ListSource {
        let one = || "one".to_owned().try_into().unwrap();
        let changes = |number| LastChanges::from([(one(), number)]);
        ListSource {
            cluster_uid: uid.to_owned(),
            changes: published.map(changes),
        }
    }

    fn manifest(id: &str, lease: Option<&str>) -> Manifest {
        let mut manifest = Manifest::default();
        let generation = Generation {
            id: id.parse().unwrap(),
            slot: 0,
            parts: 1,
            cluster_uid: "uid".to_owned(),
            as_of: jiff::Timestamp::UNIX_EPOCH,
            workloads: 1,
            truncated: false,
            changes: source("uid", Some(7)).changes.unwrap(),
        };
        manifest.replace(generation, 1);
        let lease = lease.map(|holder| serde_json::json!({ "holder": holder }));
        manifest.lease = lease.map(|lease| serde_json::from_value(lease).unwrap());
        manifest
    }

    #[test]
    fn a_list_is_written_anew_when_it_has_changed_and_not_too_often() {
        let (mut seen, start) = (SeenManifests::default(), Instant::now());
        let cluster: ClusterName = "c".parse().unwrap();
        let due = |seen: &SeenManifests, source, after| {
            let seen = seen.get(&"c".parse().unwrap()).unwrap();
            seen.is_due(&source, MINUTE, start + after)
        };
        seen.put(cluster.clone(), manifest("a", None), 5, start);
        let published = |number| source("uid", Some(number));
        assert!(!due(&seen, published(8), MINUTE / 2), "it is too early");
        assert!(due(&seen, published(8), MINUTE));
        assert!(
            !due(&seen, published(7), 100 * MINUTE),
            "nothing has changed"
        );
        assert!(due(&seen, source("uid", None), MINUTE), "it does not say");
        assert!(due(&seen, source("other", Some(7)), Duration::ZERO));

        // Another replica writes it; after a while it is considered dead.
        seen.put(cluster.clone(), manifest("a", Some("x")), 6, start + MINUTE);
        assert!(!due(&seen, published(8), MINUTE + Manifest::TERM / 2));
        assert!(due(&seen, published(8), MINUTE + Manifest::TERM));
        seen.put(cluster.clone(), manifest("b", None), 7, start + 2 * MINUTE);
        assert!(!due(&seen, published(8), 2 * MINUTE));
        // An older manifest that arrives late changes nothing.
        seen.put(cluster.clone(), manifest("a", None), 5, start + 2 * MINUTE);
        let last = &seen.get(&cluster).unwrap().manifest;
        assert_eq!(last.record, manifest("b", None));
        let old = seen.older_than(MINUTE, start + 3 * MINUTE);
        assert_eq!(old.collect::<Vec<_>>(), [&cluster]);
        assert_eq!(seen.older_than(MINUTE, start + 2 * MINUTE).count(), 0);
    }
}
