//! The shares of many clusters, put together into one page. A share may be cut: then nothing behind its last item is shown yet,
//! since what it has left out could stand before.

use bus_schema::{Place, PlaceRef, Sort};

use super::page::FleetDeployment;

/// A page that is being put together.
#[derive(Debug)]
pub struct Merge {
    sort: Sort,
    items: Vec<FleetDeployment>,
    /// The last items of the shares that were cut.
    cut: Vec<Place>,
}

impl Merge {
    pub fn new(sort: Sort) -> Self {
        Self {
            sort,
            items: Vec::new(),
            cut: Vec::new(),
        }
    }

    /// Adds a cluster's items; `more` where it has more behind the last of them.
    pub fn add(&mut self, items: impl IntoIterator<Item = FleetDeployment>, more: bool) {
        let from = self.items.len();
        self.items.extend(items);
        let places = self.items[from..].iter().map(|item| self.place(item));
        let last = places.max_by(|a, b| self.sort.compare(*a, *b));
        if more && let Some(last) = last.and_then(owned) {
            self.cut.push(last);
        }
    }

    /// The first `limit` items in order, and the place behind which the next page begins if there is one.
    pub fn page(mut self, limit: usize) -> (Vec<FleetDeployment>, Option<Place>) {
        let sort = self.sort;
        let mut items = std::mem::take(&mut self.items);
        items.sort_unstable_by(|a, b| sort.compare(self.place(a), self.place(b)));
        let safe = self.cut.iter().map(Place::borrowed);
        let safe = safe.min_by(|a, b| sort.compare(*a, *b));
        let shown = items.partition_point(|item| {
            safe.is_none_or(|safe| sort.compare(self.place(item), safe).is_le())
        });
        let shown = shown.min(limit);
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
