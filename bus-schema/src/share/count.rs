//! Totals of workloads by health, image and name.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use crate::page::{self, PageBudget};
use crate::{Health, ImageCounts, NameCount, Totals, WorkloadKind, WorkloadView};

/// A count in progress.
#[derive(Default)]
pub struct Count<'a> {
    workloads: u64,
    health: BTreeMap<Health, u64>,
    images: HashMap<&'a str, u64, RandomState>,
    names: HashMap<Version<'a>, u64, RandomState>,
}

/// The key of a name count: kind, name, images and health.
type Version<'a> = (WorkloadKind, &'a str, Vec<&'a str>, Health);

/// The size of a name count in JSON without its texts.
const LINE_BYTES: usize = 80;

impl<'a> Count<'a> {
    pub fn add(&mut self, health: Health) {
        self.workloads += 1;
        *self.health.entry(health).or_default() += 1;
    }

    pub fn add_images(&mut self, workload: impl WorkloadView<'a>) {
        for (position, image) in workload.images().enumerate() {
            // Two containers with the same image count as one workload that uses it.
            if !workload.images().take(position).any(|other| other == image) {
                *self.images.entry(image).or_default() += 1;
            }
        }
    }

    pub fn add_name(&mut self, name: &'a str, workload: impl WorkloadView<'a>) {
        let images = workload.images().collect();
        let version = (workload.kind(), name, images, workload.health());
        *self.names.entry(version).or_default() += 1;
    }

    /// The most used images and the names with the worst health, as many as fit; the rest are only counted.
    pub fn totals(self, bytes: usize) -> Totals<&'a str> {
        let (names, other_names) = named(self.names, bytes);
        let (mut named, other): (Vec<_>, Vec<_>) = self
            .images
            .into_iter()
            .partition(|(image, _)| image.len() <= Totals::IMAGE_BYTES);
        let mut other: u64 = other.iter().map(|(_, workloads)| workloads).sum();
        if named.len() > Totals::IMAGES {
            named.select_nth_unstable_by_key(Totals::IMAGES, |(image, workloads)| {
                (Reverse(*workloads), *image)
            });
            let left_out = named.split_off(Totals::IMAGES);
            other += left_out.iter().map(|(_, workloads)| workloads).sum::<u64>();
        }
        Totals {
            workloads: self.workloads,
            health: self.health,
            images: ImageCounts(named),
            other_images: other,
            names,
            other_names,
        }
    }
}

/// The names that fit into these bytes, worst health first, and the number of workloads left out.
fn named(
    versions: HashMap<Version<'_>, u64, RandomState>,
    bytes: usize,
) -> (Vec<NameCount<&str>>, u64) {
    let all: u64 = versions.values().sum();
    let mut versions: Vec<_> = versions.into_iter().collect();
    versions.sort_unstable_by(
        |((a_kind, a, a_images, a_health), _), ((b_kind, b, b_images, b_health), _)| {
            (a_health, a, a_kind, a_images).cmp(&(b_health, b, b_kind, b_images))
        },
    );
    let budget = PageBudget {
        items: usize::MAX,
        bytes,
    };
    let counts = versions
        .into_iter()
        .map(|((kind, name, images, health), workloads)| NameCount {
            kind,
            name,
            images,
            health,
            workloads,
        });
    let (named, _) = page::take(counts, budget, |count| {
        let images = count.images.iter().map(|image| image.len() + 3);
        LINE_BYTES + count.name.len() + images.sum::<usize>()
    });
    let counted: u64 = named.iter().map(|count| count.workloads).sum();
    (named, all - counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_room_are_left_out_and_the_healthy_ones_first() {
        let kind = WorkloadKind::Deployment;
        let version = |name, health| ((kind, name, vec!["web:1"], health), 2);
        let versions = [
            version("a", Health::Healthy),
            version("b", Health::Failed),
            version("c", Health::Degraded),
        ];
        let line = LINE_BYTES + "a".len() + "web:1".len() + 3 + 1;
        for (lines, expected) in [(3, &["b", "c", "a"][..]), (2, &["b", "c"]), (0, &["b"])] {
            let (named, left_out) = named(versions.clone().into_iter().collect(), lines * line);
            let names: Vec<_> = named.iter().map(|count| count.name).collect();
            assert_eq!(names, expected);
            assert_eq!(left_out, 6 - 2 * expected.len() as u64);
        }
    }
}
