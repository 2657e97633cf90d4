//! One cluster's part of a fleet query: the totals of the visible workloads that match, and the first items in the requested order.
//! An agent answers from its cache; the aggregator answers from the stored inventory of a cluster that is offline.

mod count;

use crate::page::{self, PageBudget};
use crate::{
    ClusterName, Fault, Filter, FleetQueryRequest, PAGE_BYTES, Pattern, Sort, SortKey, SortKeyRef,
    Totals, WorkloadView,
};
use count::Count;

/// A fleet query as it applies to one cluster.
#[derive(Debug)]
pub struct Share<'a> {
    cluster: &'a ClusterName,
    shown: Vec<Pattern>,
    filter: Filter,
    sort: Sort,
    after: Option<SortKey>,
    budget: PageBudget,
    count_images: bool,
    count_names: bool,
}

/// The result for one cluster.
#[derive(Debug)]
pub struct Found<'e, L> {
    /// The first items after the requested position, in order.
    pub items: Vec<L>,
    /// Whether more items follow.
    pub more: bool,
    /// The totals of all workloads that match the filter.
    pub totals: Totals<&'e str>,
}

/// A matching workload and its sort key.
type Keyed<'e, L> = (SortKeyRef<'e>, L);

impl<'a> Share<'a> {
    /// `None` if the query does not select the cluster or the requester may see nothing of it.
    ///
    /// # Errors
    /// [`crate::FaultCode::InvalidRequest`] with the field of the request that is wrong.
    pub fn of(
        cluster: &'a ClusterName,
        request: &FleetQueryRequest,
    ) -> Result<Option<Self>, Fault> {
        let shown: Vec<Pattern> = request.shown(cluster).cloned().collect();
        if shown.is_empty() || !request.selects(cluster) {
            return Ok(None);
        }
        let bytes = usize::try_from(request.bytes).unwrap_or(PAGE_BYTES);
        let budget = PageBudget {
            items: page::limit(Some(request.limit))?,
            bytes: bytes.min(PAGE_BYTES),
        };
        Ok(Some(Self {
            cluster,
            shown,
            filter: Filter::new(request.filter.clone())?,
            sort: request.sort,
            after: request.after.clone(),
            budget,
            count_images: request.count_images,
            count_names: request.count_names,
        }))
    }

    /// Filters a cluster's workloads, each given with its namespace and name. Those of one namespace should be adjacent: then the
    /// namespace is checked only once.
    pub fn take_from<'e, L: WorkloadView<'e>>(
        &'e self,
        workloads: impl Iterator<Item = ((&'e str, &'e str), L)>,
    ) -> Found<'e, L> {
        let (count, found) = self.look_through(workloads);
        let (taken, more) = page::take(self.in_order(found), self.budget, |(_, l)| l.bytes());
        Found {
            items: taken.into_iter().map(|(_, workload)| workload).collect(),
            more,
            totals: count.totals(self.budget.bytes),
        }
    }

    /// Counts all matches; collects those after the start of the page.
    fn look_through<'e, L: WorkloadView<'e>>(
        &'e self,
        workloads: impl Iterator<Item = ((&'e str, &'e str), L)>,
    ) -> (Count<'e>, Vec<Keyed<'e, L>>) {
        let (mut count, mut found) = (Count::default(), Vec::new());
        let mut last = ("", false);
        for ((namespace, name), workload) in workloads {
            if last.0 != namespace {
                last = (namespace, self.shows(namespace));
            }
            if !last.1 || !self.filter.matches(name, workload) {
                continue;
            }
            count.add(workload.health());
            if self.count_images {
                count.add_images(workload);
            }
            if self.count_names {
                count.add_name(name, workload);
            }
            let sort_key = self.sort_key(namespace, name, workload);
            let behind = |after: &SortKey| self.sort.compare(sort_key, after.borrowed()).is_gt();
            if self.after.as_ref().is_none_or(behind) {
                found.push((sort_key, workload));
            }
        }
        (count, found)
    }

    fn shows(&self, namespace: &str) -> bool {
        self.filter.matches_namespace(namespace) && self.shown.iter().any(|p| p.matches(namespace))
    }

    fn sort_key<'e>(
        &'e self,
        namespace: &'e str,
        name: &'e str,
        workload: impl WorkloadView<'e>,
    ) -> SortKeyRef<'e> {
        let (created_at, restarted_at) = (workload.created_at(), workload.restarted_at());
        SortKeyRef {
            rank: self.sort.rank(workload.health(), created_at, restarted_at),
            name,
            cluster: self.cluster.as_str(),
            namespace,
            kind: workload.kind(),
        }
    }

    /// The first items, as many as the page may hold and one more. The others need not be sorted.
    fn in_order<'e, L>(&self, mut found: Vec<Keyed<'e, L>>) -> Vec<Keyed<'e, L>> {
        let compare = |a: &Keyed<'_, L>, b: &Keyed<'_, L>| self.sort.compare(a.0, b.0);
        if found.len() > self.budget.items + 1 {
            found.select_nth_unstable_by(self.budget.items, compare);
            found.truncate(self.budget.items + 1);
        }
        found.sort_unstable_by(compare);
        found
    }
}
