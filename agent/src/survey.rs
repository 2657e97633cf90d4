//! A cluster's share in a survey of all: what may be shown and is looked for, counted, and its first items in the order that was
//! asked for. Answered from the caches; Kubernetes is not asked.

mod count;

use std::sync::Arc;

use bus_schema::{
    ClusterName, Fault, PAGE_BYTES, Pattern, Place, PlaceRef, Sort, SurveyDeployments, Surveyed,
};

use crate::cache::{Caches, Entry, Item, split};
use crate::filter::Filter;
use crate::page::{self, Room};
use count::Count;

/// The answer; `None` where the cluster is not meant or may show nothing, which is answered by silence.
pub fn deployments(
    caches: &Caches,
    cluster: &ClusterName,
    survey: SurveyDeployments,
) -> Option<Result<Surveyed<Item>, Fault>> {
    let shown: Vec<Pattern> = survey.shown(cluster).cloned().collect();
    if shown.is_empty() || !survey.means(cluster) {
        return None;
    }
    Some(Share::of(cluster, shown, survey).and_then(|share| share.answer(caches)))
}

/// What is asked of this cluster.
struct Share<'a> {
    cluster: &'a ClusterName,
    shown: Vec<Pattern>,
    filter: Filter,
    sort: Sort,
    after: Option<Place>,
    room: Room,
}

/// A deployment that is looked for, where it stands in the order.
type Found<'a> = (PlaceRef<'a>, &'a Arc<Entry>);

impl<'a> Share<'a> {
    fn of(
        cluster: &'a ClusterName,
        shown: Vec<Pattern>,
        survey: SurveyDeployments,
    ) -> Result<Self, Fault> {
        let bytes = usize::try_from(survey.bytes).unwrap_or(PAGE_BYTES);
        let room = Room {
            items: page::limit(Some(survey.limit))?,
            bytes: bytes.min(PAGE_BYTES),
        };
        Ok(Self {
            cluster,
            shown,
            filter: Filter::new(survey.filter)?,
            sort: survey.sort,
            after: survey.after,
            room,
        })
    }

    fn answer(&self, caches: &Caches) -> Result<Surveyed<Item>, Fault> {
        caches.ready()?;
        let mut answer = caches.deployments.walk(None, |entries| {
            let (count, found) = self.look_through(entries.map(|(key, entry)| (split(key), entry)));
            let (taken, more) = page::take(self.in_order(found), self.room, |(_, e)| e.bytes());
            let items = taken.into_iter().map(|(_, entry)| Item(entry.clone()));
            Surveyed {
                items: items.collect(),
                more,
                totals: count.totals(),
                stale_seconds: None,
            }
        });
        answer.stale_seconds = caches.stale_seconds();
        Ok(answer)
    }

    /// All that is looked for is counted; what stands behind the place where the page begins is found.
    fn look_through<'e>(
        &'e self,
        entries: impl Iterator<Item = ((&'e str, &'e str), &'e Arc<Entry>)>,
    ) -> (Count<'e>, Vec<Found<'e>>) {
        let (mut count, mut found) = (Count::default(), Vec::new());
        // Keys are in order of their namespaces, so that each of those is decided upon once.
        let mut last = ("", false);
        for ((namespace, name), entry) in entries {
            if last.0 != namespace {
                last = (namespace, self.shows(namespace));
            }
            if !last.1 || !self.filter.holds(name, entry) {
                continue;
            }
            count.add(entry);
            let place = self.place(namespace, name, entry);
            let behind = |after: &Place| self.sort.compare(place, after.borrowed()).is_gt();
            if self.after.as_ref().is_none_or(behind) {
                found.push((place, entry));
            }
        }
        (count, found)
    }

    fn shows(&self, namespace: &str) -> bool {
        self.filter.means(namespace) && self.shown.iter().any(|p| p.matches(namespace))
    }

    fn place<'e>(&'e self, namespace: &'e str, name: &'e str, entry: &Entry) -> PlaceRef<'e> {
        PlaceRef {
            rank: self
                .sort
                .rank(entry.health, entry.created_at, entry.restarted_at),
            deployment_name: name,
            cluster: self.cluster.as_str(),
            namespace,
        }
    }

    /// As many of the first as there may be room for, and one more. The others need not be put in order.
    fn in_order<'e>(&self, mut found: Vec<Found<'e>>) -> Vec<Found<'e>> {
        let compare = |a: &Found<'_>, b: &Found<'_>| self.sort.compare(a.0, b.0);
        if found.len() > self.room.items + 1 {
            found.select_nth_unstable_by(self.room.items, compare);
            found.truncate(self.room.items + 1);
        }
        found.sort_unstable_by(compare);
        found
    }
}
