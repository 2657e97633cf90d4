//! A cluster's share in a fleet query: what may be shown and is looked for, counted, and its first items in the order that was asked
//! for. An agent answers with it from its cache, the aggregator from what it keeps of a cluster that is away.

mod count;

use crate::page::{self, PageBudget};
use crate::{
    ClusterName, Fault, Filter, FleetQueryRequest, Listed, PAGE_BYTES, Pattern, Place, PlaceRef,
    Sort, Totals,
};
use count::Count;

/// What a fleet query asks of one cluster.
#[derive(Debug)]
pub struct Share<'a> {
    cluster: &'a ClusterName,
    shown: Vec<Pattern>,
    filter: Filter,
    sort: Sort,
    after: Option<Place>,
    budget: PageBudget,
    count_images: bool,
    count_names: bool,
}

/// What was found in a cluster.
#[derive(Debug)]
pub struct Found<'e, L> {
    /// The first items behind the place that was asked for, in order.
    pub items: Vec<L>,
    /// Whether there are more behind them.
    pub more: bool,
    /// What all amount to that the filter holds for.
    pub totals: Totals<&'e str>,
}

/// A deployment that is looked for, where it stands in the order.
type Placed<'e, L> = (PlaceRef<'e>, L);

impl<'a> Share<'a> {
    /// `None` where the cluster is not meant or may show nothing.
    ///
    /// # Errors
    /// [`crate::FaultCode::InvalidRequest`] with the field of the request that is wrong.
    pub fn of(
        cluster: &'a ClusterName,
        request: &FleetQueryRequest,
    ) -> Result<Option<Self>, Fault> {
        let shown: Vec<Pattern> = request.shown(cluster).cloned().collect();
        if shown.is_empty() || !request.means(cluster) {
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

    /// Looks through a cluster's deployments, each with its namespace and name. Those of a namespace should stand together: it is
    /// decided upon once then.
    pub fn take_from<'e, L: Listed<'e>>(
        &'e self,
        deployments: impl Iterator<Item = ((&'e str, &'e str), L)>,
    ) -> Found<'e, L> {
        let (count, found) = self.look_through(deployments);
        let (taken, more) = page::take(self.in_order(found), self.budget, |(_, l)| l.bytes());
        Found {
            items: taken
                .into_iter()
                .map(|(_, deployment)| deployment)
                .collect(),
            more,
            totals: count.totals(self.budget.bytes),
        }
    }

    /// All that is looked for is counted; what stands behind the place where the page begins is found.
    fn look_through<'e, L: Listed<'e>>(
        &'e self,
        deployments: impl Iterator<Item = ((&'e str, &'e str), L)>,
    ) -> (Count<'e>, Vec<Placed<'e, L>>) {
        let (mut count, mut found) = (Count::default(), Vec::new());
        let mut last = ("", false);
        for ((namespace, name), deployment) in deployments {
            if last.0 != namespace {
                last = (namespace, self.shows(namespace));
            }
            if !last.1 || !self.filter.holds(name, deployment) {
                continue;
            }
            count.add(deployment.health());
            if self.count_images {
                count.add_images(deployment);
            }
            if self.count_names {
                count.add_name(name, deployment);
            }
            let place = self.place(namespace, name, deployment);
            let behind = |after: &Place| self.sort.compare(place, after.borrowed()).is_gt();
            if self.after.as_ref().is_none_or(behind) {
                found.push((place, deployment));
            }
        }
        (count, found)
    }

    fn shows(&self, namespace: &str) -> bool {
        self.filter.means(namespace) && self.shown.iter().any(|p| p.matches(namespace))
    }

    fn place<'e>(
        &'e self,
        namespace: &'e str,
        name: &'e str,
        deployment: impl Listed<'e>,
    ) -> PlaceRef<'e> {
        let (created_at, restarted_at) = (deployment.created_at(), deployment.restarted_at());
        PlaceRef {
            rank: self
                .sort
                .rank(deployment.health(), created_at, restarted_at),
            deployment_name: name,
            cluster: self.cluster.as_str(),
            namespace,
        }
    }

    /// As many of the first as there may be room for, and one more. The others need not be put in order.
    fn in_order<'e, L>(&self, mut found: Vec<Placed<'e, L>>) -> Vec<Placed<'e, L>> {
        let compare = |a: &Placed<'_, L>, b: &Placed<'_, L>| self.sort.compare(a.0, b.0);
        if found.len() > self.budget.items + 1 {
            found.select_nth_unstable_by(self.budget.items, compare);
            found.truncate(self.budget.items + 1);
        }
        found.sort_unstable_by(compare);
        found
    }
}
