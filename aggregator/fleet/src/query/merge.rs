//! The parts of many clusters, put together into one page. A part may be cut: then nothing behind its last item is shown yet, since
//! what it has left out could stand before.

use bus_schema::{ClusterName, Namespace, Place, PlaceRef, Sort, WorkloadName};
use bytes::Bytes;

use crate::FleetDeployment;

/// What a cluster has for a page.
#[derive(Debug)]
pub struct Part {
    /// In order.
    pub items: Vec<Item>,
    /// Whether it has more behind the last of them.
    pub more: bool,
}

/// A deployment that may be on the page: most of those that come are not.
#[derive(Debug)]
pub struct Item {
    /// What it is ordered by, as a number.
    pub rank: i64,
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name.
    pub deployment_name: WorkloadName,
    /// The rest.
    pub shown: Shown,
}

/// What is shown of a deployment.
#[derive(Debug)]
pub enum Shown {
    /// What its cluster has written, which reads as a summary.
    Now(Bytes),
    /// What was last known.
    LastKnown(Box<FleetDeployment>),
}

impl Item {
    /// Where it stands.
    pub fn place<'a>(&'a self, cluster: &'a ClusterName) -> PlaceRef<'a> {
        Place {
            rank: self.rank,
            deployment_name: self.deployment_name.as_str(),
            cluster: cluster.as_str(),
            namespace: self.namespace.as_str(),
        }
    }
}

impl Item {
    /// What is shown of it on the page.
    pub fn shown(&self, cluster: &ClusterName) -> Option<FleetDeployment> {
        match &self.shown {
            // It was read once already, by the same rules.
            Shown::Now(written) => {
                let summary = serde_json::from_slice(written).ok()?;
                Some(FleetDeployment::now(cluster.clone(), summary))
            }
            Shown::LastKnown(known) => Some((**known).clone()),
        }
    }
}

/// The items that are shown, each with its cluster, and the place behind which the next page begins if there is one.
pub type Page<'a> = (Vec<(&'a ClusterName, &'a Item)>, Option<Place>);

/// Whose parts end before the page does.
#[derive(Debug, PartialEq)]
pub struct Short {
    /// Who is to be asked for more.
    pub clusters: Vec<ClusterName>,
    /// Behind this place.
    pub after: Place,
    /// How many items the page lacks.
    pub lacks: usize,
}

/// A page that is being put together.
#[derive(Debug)]
pub struct Merge {
    sort: Sort,
    limit: usize,
}

impl Merge {
    pub fn new(sort: Sort, limit: usize) -> Self {
        Self { sort, limit }
    }

    /// Who is to be asked for more, if the page is not full without.
    pub fn short<'a>(
        &self,
        parts: impl Iterator<Item = (&'a ClusterName, &'a Part)> + Clone,
    ) -> Option<Short> {
        let sort = self.sort;
        let order = |a: &PlaceRef<'_>, b: &PlaceRef<'_>| sort.compare(*a, *b);
        let cut: Vec<_> = parts
            .clone()
            .filter(|(_, part)| part.more)
            .filter_map(|(cluster, part)| Some((cluster, part.items.last()?.place(cluster))))
            .collect();
        let safe = cut.iter().map(|(_, last)| *last).min_by(order)?;
        let place = |cluster| move |item: &'a Item| item.place(cluster);
        let mut places: Vec<_> = parts
            .flat_map(|(cluster, part)| part.items.iter().map(place(cluster)))
            .collect();
        let shown = places
            .iter()
            .filter(|place| sort.compare(**place, safe).is_le())
            .count();
        let lacks = self.limit.checked_sub(shown).filter(|lacks| *lacks > 0)?;
        // Behind the last place of the full page, nothing is needed.
        let end = (places.len() >= self.limit)
            .then(|| *places.select_nth_unstable_by(self.limit - 1, order).1);
        let before_end = |last: PlaceRef<'_>| end.is_none_or(|end| sort.compare(last, end).is_lt());
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

    /// Puts what a cluster has behind a place in the place of what was known of that.
    pub fn extend(&self, cluster: &ClusterName, part: &mut Part, after: &Place, behind: Part) {
        let before = |item: &Item| {
            let place = item.place(cluster);
            self.sort.compare(place, after.borrowed()).is_le()
        };
        let kept = part.items.partition_point(before);
        part.items.truncate(kept);
        part.items.extend(behind.items);
        part.more = behind.more;
    }

    /// The first items in order, as many as the page has.
    pub fn page<'a>(&self, parts: impl Iterator<Item = (&'a ClusterName, &'a Part)>) -> Page<'a> {
        let order = |a: &PlaceRef<'_>, b: &PlaceRef<'_>| self.sort.compare(*a, *b);
        let (mut items, mut cut) = (Vec::new(), Vec::new());
        for (cluster, part) in parts {
            let last = part.items.last().filter(|_| part.more);
            cut.extend(last.map(|last| last.place(cluster)));
            items.extend(
                part.items
                    .iter()
                    .map(|item| (item.place(cluster), cluster, item)),
            );
        }
        let safe = cut.into_iter().min_by(order);
        if let Some(safe) = &safe {
            items.retain(|(place, ..)| order(place, safe).is_le());
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
fn owned(place: PlaceRef<'_>) -> Option<Place> {
    Some(Place {
        rank: place.rank,
        deployment_name: place.deployment_name.parse().ok()?,
        cluster: place.cluster.parse().ok()?,
        namespace: place.namespace.parse().ok()?,
    })
}

#[cfg(test)]
mod tests;
