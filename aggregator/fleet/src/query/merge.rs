//! Merges the parts of many clusters into one page. A part may be truncated: then nothing after its last item is shown yet, since its
//! missing items could sort before.

use bus_schema::{ClusterName, Namespace, Sort, SortKey, SortKeyRef, WorkloadKind, WorkloadName};
use bytes::Bytes;

use crate::FleetWorkload;

/// A cluster's part of a page.
#[derive(Debug)]
pub struct Part {
    /// The items in order.
    pub items: Vec<Item>,
    /// Whether more items follow the last one.
    pub more: bool,
}

/// A candidate for the page: most received items are not shown.
#[derive(Debug)]
pub struct Item {
    /// The sort property as a number.
    pub rank: i64,
    /// Its namespace.
    pub namespace: Namespace,
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: WorkloadName,
    /// The rest.
    pub shown: Snapshot,
}

/// The data of a workload that is shown.
#[derive(Debug)]
pub enum Snapshot {
    /// The JSON from its cluster, which parses as a summary.
    Now(Bytes),
    /// The last known state.
    LastKnown(Box<FleetWorkload>),
}

impl Item {
    /// Its sort key.
    pub fn sort_key<'a>(&'a self, cluster: &'a ClusterName) -> SortKeyRef<'a> {
        SortKey {
            rank: self.rank,
            name: self.name.as_str(),
            cluster: cluster.as_str(),
            namespace: self.namespace.as_str(),
            kind: self.kind,
        }
    }
}

impl Item {
    /// The workload as the page shows it.
    pub fn shown(&self, cluster: &ClusterName) -> Option<FleetWorkload> {
        match &self.shown {
            // It has already been parsed successfully.
            Snapshot::Now(written) => {
                let summary = serde_json::from_slice(written).ok()?;
                Some(FleetWorkload::now(cluster.clone(), summary))
            }
            Snapshot::LastKnown(known) => Some((**known).clone()),
        }
    }
}

/// The shown items, each with its cluster, and the sort key after which the next page begins if there is one.
pub type Page<'a> = (Vec<(&'a ClusterName, &'a Item)>, Option<SortKey>);

/// Clusters whose parts end before the page does.
#[derive(Debug, PartialEq)]
pub struct Short {
    /// The clusters to query for more.
    pub clusters: Vec<ClusterName>,
    /// The sort key after which to continue.
    pub after: SortKey,
    /// The number of missing items.
    pub lacks: usize,
}

/// Merges parts into a page.
#[derive(Debug)]
pub struct Merge {
    sort: Sort,
    limit: usize,
}

impl Merge {
    pub fn new(sort: Sort, limit: usize) -> Self {
        Self { sort, limit }
    }

    /// The clusters to query for more, if the page is not full without them.
    pub fn short<'a>(
        &self,
        parts: impl Iterator<Item = (&'a ClusterName, &'a Part)> + Clone,
    ) -> Option<Short> {
        let sort = self.sort;
        let order = |a: &SortKeyRef<'_>, b: &SortKeyRef<'_>| sort.compare(*a, *b);
        let cut: Vec<_> = parts
            .clone()
            .filter(|(_, part)| part.more)
            .filter_map(|(cluster, part)| Some((cluster, part.items.last()?.sort_key(cluster))))
            .collect();
        let safe = cut.iter().map(|(_, last)| *last).min_by(order)?;
        let sort_key = |cluster| move |item: &'a Item| item.sort_key(cluster);
        let mut keys: Vec<_> = parts
            .flat_map(|(cluster, part)| part.items.iter().map(sort_key(cluster)))
            .collect();
        let shown = keys
            .iter()
            .filter(|sort_key| sort.compare(**sort_key, safe).is_le())
            .count();
        let lacks = self.limit.checked_sub(shown).filter(|lacks| *lacks > 0)?;
        // Nothing is needed after the last sort key of a full page.
        let end = (keys.len() >= self.limit)
            .then(|| *keys.select_nth_unstable_by(self.limit - 1, order).1);
        let before_end =
            |last: SortKeyRef<'_>| end.is_none_or(|end| sort.compare(last, end).is_lt());
        let clusters = cut
            .iter()
            .filter(|(_, last)| before_end(*last))
            .map(|(cluster, _)| (*cluster).clone())
            .collect();
        Some(Short {
            clusters,
            after: owned(safe)?,
            lacks,
        })
    }

    /// Replaces a part's items after a sort key by newly received ones.
    pub fn extend(&self, cluster: &ClusterName, part: &mut Part, after: &SortKey, behind: Part) {
        let before = |item: &Item| {
            let sort_key = item.sort_key(cluster);
            self.sort.compare(sort_key, after.borrowed()).is_le()
        };
        let retained = part.items.partition_point(before);
        part.items.truncate(retained);
        part.items.extend(behind.items);
        part.more = behind.more;
    }

    /// The first items in order, up to the page's limit.
    pub fn page<'a>(&self, parts: impl Iterator<Item = (&'a ClusterName, &'a Part)>) -> Page<'a> {
        let order = |a: &SortKeyRef<'_>, b: &SortKeyRef<'_>| self.sort.compare(*a, *b);
        let (mut items, mut cut) = (Vec::new(), Vec::new());
        for (cluster, part) in parts {
            let last = part.items.last().filter(|_| part.more);
            cut.extend(last.map(|last| last.sort_key(cluster)));
            items.extend(
                part.items
                    .iter()
                    .map(|item| (item.sort_key(cluster), cluster, item)),
            );
        }
        let safe = cut.into_iter().min_by(order);
        if let Some(safe) = &safe {
            items.retain(|(sort_key, ..)| order(sort_key, safe).is_le());
        }
        let more = safe.is_some() || items.len() > self.limit;
        if items.len() > self.limit {
            items.select_nth_unstable_by(self.limit, |(a, ..), (b, ..)| order(a, b));
            items.truncate(self.limit);
        }
        items.sort_unstable_by(|(a, ..), (b, ..)| order(a, b));
        let next = items
            .last()
            .filter(|_| more)
            .and_then(|(last, ..)| owned(*last));
        let shown = items.into_iter().map(|(_, cluster, item)| (cluster, item));
        (shown.collect(), next)
    }
}

/// The names were well-formed before they were borrowed.
fn owned(sort_key: SortKeyRef<'_>) -> Option<SortKey> {
    Some(SortKey {
        rank: sort_key.rank,
        name: sort_key.name.parse().ok()?,
        cluster: sort_key.cluster.parse().ok()?,
        namespace: sort_key.namespace.parse().ok()?,
        kind: sort_key.kind,
    })
}

#[cfg(test)]
mod tests;
