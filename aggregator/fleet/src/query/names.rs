//! Groups of workloads of all clusters by kind and name: their number, clusters, versions and healths.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, HashMap};

use bus_schema::{Health, NameCount, Sort, SortBy, SortOrder, WorkloadKind, WorkloadName};
use serde::{Deserialize, Serialize};

use super::numbers::{Numbers, number};
use super::page::{WorkloadGroup, WorkloadVersion};

/// The maximum number of versions of a group that are shown.
const VERSIONS: usize = 10;

/// The separator between the images of a version, which no image contains.
const SEPARATOR: &str = "\n";

/// The names and versions that any cluster has counted, each with a number.
#[derive(Debug, Default)]
pub struct Names {
    names: Numbers,
    versions: Numbers,
}

/// A [`NameCount`] with numbers for its texts.
#[derive(Debug)]
pub struct CountedName {
    kind: WorkloadKind,
    name: usize,
    version: usize,
    health: Health,
    workloads: u64,
}

/// The sort key of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupCursor {
    /// Its worst health, and the negated number of workloads with it: more come first.
    worst: (i64, i64),
    name: WorkloadName,
    kind: WorkloadKind,
}

/// The running sum of a name or a version while clusters are added one by one.
#[derive(Debug, Default)]
struct Sum {
    workloads: u64,
    clusters: u64,
    health: BTreeMap<Health, u64>,
    last_cluster: Option<usize>,
}

#[derive(Debug, Default)]
struct Group {
    all: Sum,
    offline_clusters: u64,
    versions: HashMap<usize, Sum>,
}

impl Names {
    /// Adds a cluster's counts. Most of its names and versions have already been counted by others.
    pub fn count(&mut self, counts: Vec<NameCount<impl AsRef<str>>>) -> Vec<CountedName> {
        let counted = counts.into_iter().map(|count| {
            let images: Vec<&str> = count.images.iter().map(AsRef::as_ref).collect();
            CountedName {
                kind: count.kind,
                name: number(&mut self.names, count.name.as_ref()),
                version: number(&mut self.versions, &images.join(SEPARATOR)),
                health: count.health,
                workloads: count.workloads,
            }
        });
        counted.collect()
    }

    /// The groups of these clusters, unordered. Each cluster comes with whether it is offline.
    pub fn groups(
        self,
        clusters: impl Iterator<Item = (bool, Vec<CountedName>)>,
    ) -> Vec<WorkloadGroup> {
        let mut groups: HashMap<(WorkloadKind, usize), Group> = HashMap::new();
        for (cluster, (offline, counts)) in clusters.enumerate() {
            for count in counts {
                let group = groups.entry((count.kind, count.name)).or_default();
                let is_new = group.all.add(cluster, &count);
                group.offline_clusters += u64::from(is_new && offline);
                let version = group.versions.entry(count.version).or_default();
                version.add(cluster, &count);
            }
        }
        let versions = by_number(self.versions);
        let names = by_number(self.names);
        let groups = groups.into_iter().filter_map(|((kind, name), group)| {
            // It was validated when the response was parsed.
            let name = names[name].parse().ok()?;
            Some(group.shown(kind, name, &versions))
        });
        groups.collect()
    }
}

impl Sum {
    /// Returns whether the cluster is new to this sum. Counts are untrusted, and so must not overflow.
    fn add(&mut self, cluster: usize, count: &CountedName) -> bool {
        let is_new = self.last_cluster.replace(cluster) != Some(cluster);
        self.clusters += u64::from(is_new);
        self.workloads = self.workloads.saturating_add(count.workloads);
        let health = self.health.entry(count.health).or_default();
        *health = health.saturating_add(count.workloads);
        is_new
    }
}

impl Group {
    fn shown(self, kind: WorkloadKind, name: WorkloadName, images: &[Box<str>]) -> WorkloadGroup {
        let count = self.versions.len();
        let versions = self.versions.into_iter().map(|(number, sum)| {
            let images = images[number].split(SEPARATOR);
            WorkloadVersion {
                images: images.map(str::to_owned).collect(),
                workloads: sum.workloads,
                clusters: sum.clusters,
                health: sum.health,
            }
        });
        let mut versions: Vec<_> = versions.collect();
        versions.sort_unstable_by(|a, b| {
            (Reverse(a.workloads), &a.images).cmp(&(Reverse(b.workloads), &b.images))
        });
        versions.truncate(VERSIONS);
        WorkloadGroup {
            kind,
            name,
            workloads: self.all.workloads,
            clusters: self.all.clusters,
            offline_clusters: self.offline_clusters,
            health: self.all.health,
            version_count: count,
            versions,
        }
    }
}

fn by_number(numbers: Numbers) -> Vec<Box<str>> {
    let mut texts = vec![Box::default(); numbers.len()];
    for (text, number) in numbers {
        texts[number] = text;
    }
    texts
}

/// A page of groups after a sort key, and the key after which the next page begins if there is one.
pub fn page(
    groups: Vec<WorkloadGroup>,
    sort: Sort,
    after: Option<&GroupCursor>,
    limit: usize,
) -> (Vec<WorkloadGroup>, Option<GroupCursor>) {
    let keyed = groups.into_iter().map(|group| (sort_key(&group), group));
    let behind =
        |sort_key: &GroupCursor| after.is_none_or(|after| compare(sort, sort_key, after).is_gt());
    let mut keyed: Vec<_> = keyed.filter(|(sort_key, _)| behind(sort_key)).collect();
    keyed.sort_unstable_by(|(a, _), (b, _)| compare(sort, a, b));
    let more = keyed.len() > limit;
    keyed.truncate(limit);
    let next = keyed
        .last()
        .filter(|_| more)
        .map(|(sort_key, _)| sort_key.clone());
    (keyed.into_iter().map(|(_, group)| group).collect(), next)
}

fn sort_key(group: &WorkloadGroup) -> GroupCursor {
    let worst = group.health.first_key_value().map(|(health, count)| {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        (*health as i64, -count)
    });
    GroupCursor {
        worst: worst.unwrap_or_default(),
        name: group.name.clone(),
        kind: group.kind,
    }
}

fn compare(sort: Sort, a: &GroupCursor, b: &GroupCursor) -> Ordering {
    let by_name = a.name.cmp(&b.name).then(a.kind.cmp(&b.kind));
    let first = match sort.by {
        SortBy::Name => by_name,
        _ => a.worst.cmp(&b.worst),
    };
    let first = match sort.order {
        SortOrder::Ascending => first,
        SortOrder::Descending => first.reverse(),
    };
    first.then(by_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(name: &str, images: &[&str], health: Health, workloads: u64) -> NameCount {
        NameCount {
            kind: WorkloadKind::Deployment,
            name: name.to_owned(),
            images: images.iter().map(|image| (*image).to_owned()).collect(),
            health,
            workloads,
        }
    }

    fn groups(clusters: Vec<(bool, Vec<NameCount>)>) -> Vec<WorkloadGroup> {
        let mut names = Names::default();
        let counted: Vec<_> = clusters
            .into_iter()
            .map(|(offline, counts)| (offline, names.count(counts)))
            .collect();
        names.groups(counted.into_iter())
    }

    #[test]
    fn a_name_is_one_group_with_its_clusters_versions_and_healths() {
        let groups = groups(vec![
            (
                false,
                vec![
                    count("cart", &["cart:1", "log:1"], Health::Healthy, 2),
                    count("cart", &["cart:2", "log:1"], Health::Failed, 1),
                ],
            ),
            (
                true,
                vec![count("cart", &["cart:1", "log:1"], Health::Unknown, 4)],
            ),
        ]);
        let [cart] = groups.as_slice() else {
            panic!("{groups:?}")
        };
        assert_eq!((cart.workloads, cart.clusters), (7, 2));
        assert_eq!((cart.offline_clusters, cart.version_count), (1, 2));
        let health = [
            (Health::Failed, 1),
            (Health::Healthy, 2),
            (Health::Unknown, 4),
        ];
        assert_eq!(cart.health, health.into());
        let first = &cart.versions[0];
        assert_eq!(first.images, ["cart:1", "log:1"]);
        assert_eq!((first.workloads, first.clusters), (6, 2));
    }

    #[test]
    fn pages_add_up_with_the_worst_first() {
        let names = ["a", "b", "c", "d", "e"];
        let healths = [Health::Healthy, Health::Failed, Health::Degraded];
        let counts = (0..5).map(|n| count(names[n], &["x"], healths[n % 3], n as u64 + 1));
        let all = || groups(vec![(false, counts.clone().collect())]);
        for (sort, expected) in [
            ("health", ["e", "b", "c", "d", "a"]),
            ("-health", ["a", "d", "c", "b", "e"]),
            ("name", names),
            ("-name", ["e", "d", "c", "b", "a"]),
        ] {
            let sort = sort.parse().unwrap();
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let (groups, next) = page(all(), sort, after.as_ref(), 2);
                seen.extend(groups.into_iter().map(|group| group.name));
                after = next;
                if after.is_none() {
                    break;
                }
            }
            let seen: Vec<_> = seen.iter().map(WorkloadName::as_str).collect();
            assert_eq!(seen, expected, "{sort}");
        }
    }

    #[test]
    fn huge_counts_do_no_harm() {
        let lie = || count("cart", &[], Health::Failed, u64::MAX);
        let groups = groups(vec![(false, vec![lie(), lie()]), (false, vec![lie()])]);
        assert_eq!(groups[0].workloads, u64::MAX);
        assert_eq!(page(groups, Sort::default(), None, 1).0.len(), 1);
    }
}
