//! The order in which a fleet query lists workloads, the same in every agent and in the aggregator. It is total, so that a page can
//! begin after any position, even if the workload at that position is gone.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::verb::WorkloadSummary;
use crate::{ClusterName, Health, Namespace, WorkloadKind, WorkloadName};

/// The property by which workloads are sorted. Ties are sorted by name, cluster, namespace and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SortBy {
    /// The name.
    #[default]
    Name,
    /// Its age; unknown counts as oldest.
    Age,
    /// Its health, worst first.
    Health,
    /// When it was last restarted; never counts as earliest.
    RestartedAt,
}

/// The sort direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SortOrder {
    /// The smallest first.
    #[default]
    Ascending,
    /// The largest first.
    Descending,
}

/// A sort order. As text the name of the property, with a leading `-` for descending order: `name`, `-restarted_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sort {
    /// The property.
    pub by: SortBy,
    /// The direction.
    pub order: SortOrder,
}

/// The text is not a sort order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a sort order: use name, age, health or restarted_at, with - before it for the largest first"
)]
pub struct SortError;

/// The position of a workload in the order of a fleet query, with owned or borrowed names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SortKey<D = WorkloadName, C = ClusterName, N = Namespace> {
    /// The sort property as a number; see [`Sort::rank`].
    pub rank: i64,
    /// Its name.
    pub name: D,
    /// Its cluster.
    pub cluster: C,
    /// Its namespace.
    pub namespace: N,
    /// Its kind.
    #[serde(default, skip_serializing_if = "WorkloadKind::is_default")]
    pub kind: WorkloadKind,
}

/// A sort key that borrows its names.
pub type SortKeyRef<'a> = SortKey<&'a str, &'a str, &'a str>;

impl SortKey {
    /// The same key, borrowed.
    #[must_use]
    pub fn borrowed(&self) -> SortKeyRef<'_> {
        SortKey {
            rank: self.rank,
            name: self.name.as_str(),
            cluster: self.cluster.as_str(),
            namespace: self.namespace.as_str(),
            kind: self.kind,
        }
    }
}

impl Sort {
    /// The sort property of a workload as a number; times in seconds, so that both sides see the same. Zero when sorting by name.
    #[must_use]
    pub fn rank(
        self,
        health: Health,
        created_at: Option<jiff::Timestamp>,
        restarted_at: Option<jiff::Timestamp>,
    ) -> i64 {
        match self.by {
            SortBy::Name => 0,
            SortBy::Age => created_at.map_or(i64::MAX, |time| -time.as_second()),
            SortBy::Health => health as i64,
            SortBy::RestartedAt => restarted_at.map_or(i64::MIN, jiff::Timestamp::as_second),
        }
    }

    /// The sort key of a cluster's workload.
    #[must_use]
    pub fn sort_key<'a>(
        self,
        cluster: &'a ClusterName,
        item: &'a WorkloadSummary,
    ) -> SortKeyRef<'a> {
        SortKey {
            rank: self.rank(item.health, item.created_at, item.restarted_at),
            name: item.name.as_str(),
            cluster: cluster.as_str(),
            namespace: item.namespace.as_str(),
            kind: item.kind,
        }
    }

    /// Compares two sort keys. They are equal only for the same workload.
    #[must_use]
    pub fn compare(self, a: SortKeyRef<'_>, b: SortKeyRef<'_>) -> Ordering {
        let by_name = a.name.cmp(b.name);
        let (first, names) = match self.by {
            SortBy::Name => (by_name, Ordering::Equal),
            _ => (a.rank.cmp(&b.rank), by_name),
        };
        let first = match self.order {
            SortOrder::Ascending => first,
            SortOrder::Descending => first.reverse(),
        };
        first
            .then(names)
            .then_with(|| a.cluster.cmp(b.cluster))
            .then_with(|| a.namespace.cmp(b.namespace))
            .then_with(|| a.kind.cmp(&b.kind))
    }
}

const NAMES: [(SortBy, &str); 4] = [
    (SortBy::Name, "name"),
    (SortBy::Age, "age"),
    (SortBy::Health, "health"),
    (SortBy::RestartedAt, "restarted_at"),
];

impl FromStr for Sort {
    type Err = SortError;

    fn from_str(text: &str) -> Result<Self, SortError> {
        let (order, name) = match text.strip_prefix('-') {
            Some(name) => (SortOrder::Descending, name),
            None => (SortOrder::Ascending, text),
        };
        let (by, _) = NAMES.iter().find(|(_, n)| *n == name).ok_or(SortError)?;
        Ok(Self { by: *by, order })
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.order == SortOrder::Descending {
            f.write_str("-")?;
        }
        let name = NAMES.iter().find(|(by, _)| *by == self.by);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

impl TryFrom<String> for Sort {
    type Error = SortError;

    fn try_from(text: String) -> Result<Self, SortError> {
        text.parse()
    }
}

impl From<Sort> for String {
    fn from(sort: Sort) -> Self {
        sort.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_sort() -> impl Strategy<Value = Sort> {
        let by = (0..NAMES.len()).prop_map(|index| NAMES[index].0);
        let order = prop_oneof![Just(SortOrder::Ascending), Just(SortOrder::Descending)];
        (by, order).prop_map(|(by, order)| Sort { by, order })
    }

    fn any_sort_key() -> impl Strategy<Value = SortKey<String, String, String>> {
        let kind = (0..WorkloadKind::ALL.len()).prop_map(|index| WorkloadKind::ALL[index]);
        let fields = (-1..2_i64, "[ab]", "[ab]", "[ab]", kind);
        fields.prop_map(|(rank, name, cluster, namespace, kind)| SortKey {
            rank,
            name,
            cluster,
            namespace,
            kind,
        })
    }

    fn borrowed(sort_key: &SortKey<String, String, String>) -> SortKeyRef<'_> {
        SortKey {
            rank: sort_key.rank,
            name: &sort_key.name,
            cluster: &sort_key.cluster,
            namespace: &sort_key.namespace,
            kind: sort_key.kind,
        }
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for text in ["", "-", "--name", "Name", "name ", "colour"] {
            assert_eq!(Sort::from_str(text), Err(SortError), "{text:?}");
        }
    }

    #[test]
    fn the_youngest_the_worst_and_the_longest_untouched_come_first() {
        let time = |text: &str| Some(text.parse().expect("a time"));
        let (early, late) = (time("2026-01-01T00:00:00Z"), time("2026-02-01T00:00:00Z"));
        let rank = |by, health, created, restarted| {
            let order = SortOrder::Ascending;
            Sort { by, order }.rank(health, created, restarted)
        };
        let age = |created| rank(SortBy::Age, Health::Healthy, created, None);
        assert!(age(late) < age(early) && age(early) < age(None));
        let health = |health| rank(SortBy::Health, health, None, None);
        assert!(health(Health::Failed) < health(Health::Healthy));
        let restarted = |at| rank(SortBy::RestartedAt, Health::Healthy, None, at);
        assert!(restarted(None) < restarted(early) && restarted(early) < restarted(late));
    }

    proptest! {
        #[test]
        fn an_order_comes_back_from_its_text(sort in any_sort()) {
            prop_assert_eq!(sort.to_string().parse(), Ok(sort));
        }

        #[test]
        fn every_order_is_total(sort in any_sort(), a in any_sort_key(), b in any_sort_key(), c in any_sort_key()) {
            let compare = |x, y| sort.compare(borrowed(x), borrowed(y));
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
                prop_assert!(compare(&a, &c).is_le());
            }
            if compare(&a, &b).is_eq() {
                let names = |p: &SortKey<String, String, String>| (p.name.clone(), p.cluster.clone(), p.namespace.clone(), p.kind);
                prop_assert_eq!(names(&a), names(&b));
            }
        }
    }
}
