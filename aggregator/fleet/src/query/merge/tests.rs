use std::collections::{BTreeMap, BTreeSet};

use bus_schema::Health;
use proptest::prelude::*;

use super::*;
use bus_schema::ClusterName;
use bus_schema::verb::WorkloadSummary;

type Name = (String, String, String);

fn summary(namespace: &str, name: &str, restarted: i64) -> WorkloadSummary {
    WorkloadSummary {
        namespace: namespace.parse().unwrap(),
        kind: WorkloadKind::Deployment,
        deployment_name: None,
        name: name.parse().unwrap(),
        paused: false,
        recreate: false,
        on_delete: false,
        replicas: 1,
        ready: 1,
        updated: 1,
        available: 1,
        images: vec![],
        health: Health::Healthy,
        reason: None,
        restarted_at: Some(jiff::Timestamp::from_second(restarted).unwrap()),
        created_at: None,
        labels: BTreeMap::new(),
    }
}

/// A workload of a cluster that is on a page.
type OnPage = (ClusterName, Item);

fn name((cluster, item): &OnPage) -> Name {
    let names = (cluster.to_string(), item.namespace.to_string());
    (names.0, names.1, item.name.to_string())
}

fn item(sort: Sort, summary: &WorkloadSummary) -> Item {
    Item {
        rank: sort.rank(summary.health, summary.created_at, summary.restarted_at),
        namespace: summary.namespace.clone(),
        kind: summary.kind,
        name: summary.name.clone(),
        shown: Snapshot::Now(Bytes::new()),
    }
}

fn owned_page((items, next): Page<'_>) -> (Vec<OnPage>, Option<SortKey>) {
    let owned = |(cluster, item): (&ClusterName, &Item)| {
        let item = Item {
            rank: item.rank,
            namespace: item.namespace.clone(),
            kind: item.kind,
            name: item.name.clone(),
            shown: Snapshot::Now(Bytes::new()),
        };
        (cluster.clone(), item)
    };
    (items.into_iter().map(owned).collect(), next)
}

/// Clusters with their workloads: the restart time by namespace and name.
type Fleet = BTreeMap<String, BTreeMap<(String, String), i64>>;

/// The response of a cluster's agent.
fn share(
    cluster: &ClusterName,
    held: &BTreeMap<(String, String), i64>,
    sort: Sort,
    after: Option<&SortKey>,
    limit: usize,
) -> (Vec<WorkloadSummary>, bool) {
    let mut items: Vec<_> = held.iter().map(|((n, d), at)| summary(n, d, *at)).collect();
    items.retain(|item| {
        after.is_none_or(|after| {
            sort.compare(sort.sort_key(cluster, item), after.borrowed())
                .is_gt()
        })
    });
    items.sort_by(|a, b| sort.compare(sort.sort_key(cluster, a), sort.sort_key(cluster, b)));
    let more = items.len() > limit;
    items.truncate(limit);
    (items, more)
}

fn page(
    fleet: &Fleet,
    sort: Sort,
    after: Option<&SortKey>,
    share_of: usize,
    limit: usize,
) -> (Vec<OnPage>, Option<SortKey>) {
    let parts = parts(fleet, sort, after, share_of);
    owned_page(Merge::new(sort, limit).page(parts.iter()))
}

fn parts(
    fleet: &Fleet,
    sort: Sort,
    after: Option<&SortKey>,
    share_of: usize,
) -> BTreeMap<ClusterName, Part> {
    let part = |(cluster, held): (&String, _)| {
        let cluster: ClusterName = cluster.parse().unwrap();
        let (items, more) = share(&cluster, held, sort, after, share_of);
        let items = items.iter().map(|summary| item(sort, summary)).collect();
        (cluster, Part { items, more })
    };
    fleet.iter().map(part).collect()
}

fn sort_key((cluster, item): &OnPage) -> SortKeyRef<'_> {
    item.sort_key(cluster)
}

fn any_fleet() -> impl Strategy<Value = Fleet> {
    let held = prop::collection::btree_map(("[ab]", "[a-e]"), 0..4_i64, 0..8);
    prop::collection::btree_map("[a-d]", held, 0..5)
}

fn any_sort() -> impl Strategy<Value = Sort> {
    prop_oneof![
        Just("name"),
        Just("-name"),
        Just("restarted_at"),
        Just("-restarted_at")
    ]
    .prop_map(|text| text.parse().unwrap())
}

proptest! {
    #[test]
    fn pages_together_are_the_fleet_in_order_however_small_the_shares(
        fleet in any_fleet(), sort in any_sort(), share_of in 1..4_usize, limit in 1..6_usize
    ) {
        let whole: BTreeSet<Name> = fleet.iter().flat_map(|(c, held)| {
            held.keys().map(|(n, d)| (c.clone(), n.clone(), d.clone()))
        }).collect();
        let (mut seen, mut after) = (Vec::<OnPage>::new(), None);
        loop {
            let (items, next) = page(&fleet, sort, after.as_ref(), share_of, limit);
            prop_assert!(items.len() <= limit);
            prop_assert!(next.is_none() || !items.is_empty(), "a page that gets no further");
            seen.extend(items);
            after = next;
            if after.is_none() {
                break;
            }
        }
        prop_assert!(seen.is_sorted_by(|a, b| sort.compare(sort_key(a), sort_key(b)).is_lt()));
        prop_assert_eq!(seen.iter().map(name).collect::<BTreeSet<_>>(), whole);
    }

    #[test]
    fn only_clusters_that_can_fill_the_page_are_queried_for_more(
        fleet in any_fleet(), sort in any_sort(), limit in 1..6_usize
    ) {
        let merge = Merge::new(sort, limit);
        let mut parts = parts(&fleet, sort, None, 1);
        while let Some(short) = merge.short(parts.iter()) {
            prop_assert!(!short.clusters.is_empty() && short.lacks > 0);
            for cluster in &short.clusters {
                let held = &fleet[cluster.as_str()];
                let (items, more) = share(cluster, held, sort, Some(&short.after), 1);
                let behind = Part { items: items.iter().map(|summary| item(sort, summary)).collect(), more };
                prop_assert!(parts[cluster].more);
                merge.extend(cluster, parts.get_mut(cluster).unwrap(), &short.after, behind);
            }
        }
        let (whole, next) = page(&fleet, sort, None, 100, limit);
        let (filled, filled_next) = owned_page(merge.page(parts.iter()));
        prop_assert_eq!(filled.iter().map(name).collect::<Vec<_>>(), whole.iter().map(name).collect::<Vec<_>>());
        prop_assert_eq!(filled_next, next);
    }

    #[test]
    fn what_comes_and_goes_between_pages_neither_hides_nor_doubles_what_stays(
        mut fleet in any_fleet(), changes in prop::collection::vec(("[a-d]", "[ab]", "[a-e]", any::<bool>()), 0..6), limit in 1..4_usize
    ) {
        let sort = Sort::default();
        let all = |fleet: &Fleet| -> BTreeSet<Name> {
            fleet.iter().flat_map(|(c, held)| held.keys().map(|(n, d)| (c.clone(), n.clone(), d.clone()))).collect()
        };
        let (mut stays, mut seen, mut after) = (all(&fleet), Vec::new(), None);
        let mut changes = changes.into_iter();
        loop {
            let (items, next) = page(&fleet, sort, after.as_ref(), 2, limit);
            seen.extend(items.iter().map(name));
            after = next;
            if after.is_none() {
                break;
            }
            if let Some((cluster, namespace, workload, comes)) = changes.next() {
                let held = fleet.entry(cluster).or_default();
                if comes {
                    held.insert((namespace, workload), 1);
                } else {
                    held.remove(&(namespace, workload));
                }
            }
            stays = stays.intersection(&all(&fleet)).cloned().collect();
        }
        let once: BTreeSet<_> = seen.iter().cloned().collect();
        prop_assert_eq!(once.len(), seen.len());
        prop_assert!(once.is_superset(&stays));
    }
}
