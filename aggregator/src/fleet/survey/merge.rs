//! The parts of many clusters, put together into one page. A part may be cut: then nothing behind its last item is shown yet, since
//! what it has left out could stand before.

use bus_schema::{ClusterName, Place, PlaceRef, Sort};

use super::page::FleetDeployment;

/// What a cluster has for a page.
#[derive(Debug)]
pub struct Part {
    /// In order.
    pub items: Vec<FleetDeployment>,
    /// Whether it has more behind the last of them.
    pub more: bool,
}

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
            .filter_map(|(cluster, part)| Some((cluster, self.place(part.items.last()?))))
            .collect();
        let safe = cut.iter().map(|(_, last)| *last).min_by(order)?;
        let items = parts.flat_map(|(_, part)| &part.items);
        let mut places: Vec<_> = items.map(|item| self.place(item)).collect();
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
    pub fn extend(&self, part: &mut Part, after: &Place, behind: Part) {
        let kept = part.items.partition_point(|item| {
            self.sort
                .compare(self.place(item), after.borrowed())
                .is_le()
        });
        part.items.truncate(kept);
        part.items.extend(behind.items);
        part.more = behind.more;
    }

    /// The first items in order, as many as the page has, and the place behind which the next page begins if there is one.
    pub fn page(self, parts: impl Iterator<Item = Part>) -> (Vec<FleetDeployment>, Option<Place>) {
        let sort = self.sort;
        let (mut items, mut cut) = (Vec::new(), Vec::new());
        for part in parts {
            let last = part.items.last().filter(|_| part.more);
            cut.extend(last.and_then(|last| owned(self.place(last))));
            items.extend(part.items);
        }
        items.sort_unstable_by(|a, b| sort.compare(self.place(a), self.place(b)));
        let safe = cut.iter().map(Place::borrowed);
        let safe = safe.min_by(|a, b| sort.compare(*a, *b));
        let shown = items.partition_point(|item| {
            safe.is_none_or(|safe| sort.compare(self.place(item), safe).is_le())
        });
        let shown = shown.min(self.limit);
        let more = shown < items.len() || safe.is_some();
        items.truncate(shown);
        let last = items.last().filter(|_| more);
        let next = last.and_then(|last| owned(self.place(last)));
        (items, next)
    }

    fn place<'a>(&self, item: &'a FleetDeployment) -> PlaceRef<'a> {
        self.sort.place(&item.cluster, &item.deployment)
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
