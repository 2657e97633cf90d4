//! Totals of deployments by health, image and name.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use crate::page::{self, PageBudget};
use crate::{Health, ImageCounts, NameCount, Totals, WorkloadView};

/// A count in progress.
#[derive(Default)]
pub struct Count<'a> {
    deployments: u64,
    health: BTreeMap<Health, u64>,
    images: HashMap<&'a str, u64, RandomState>,
    names: HashMap<Version<'a>, u64, RandomState>,
}

/// The key of a name count: name, images and health.
type Version<'a> = (&'a str, Vec<&'a str>, Health);

/// The size of a name count in JSON without its texts.
const LINE_BYTES: usize = 80;

impl<'a> Count<'a> {
    pub fn add(&mut self, health: Health) {
        self.deployments += 1;
        *self.health.entry(health).or_default() += 1;
    }

    pub fn add_images(&mut self, deployment: impl WorkloadView<'a>) {
        for (position, image) in deployment.images().enumerate() {
            // Two containers with the same image count as one deployment that uses it.
            if !deployment
                .images()
                .take(position)
                .any(|other| other == image)
            {
                *self.images.entry(image).or_default() += 1;
            }
        }
    }

    pub fn add_name(&mut self, name: &'a str, deployment: impl WorkloadView<'a>) {
        let version = (name, deployment.images().collect(), deployment.health());
        *self.names.entry(version).or_default() += 1;
    }

    /// The most used images and the names with the worst health, as many as fit; the rest are only counted.
    pub fn totals(self, bytes: usize) -> Totals<&'a str> {
        let (names, other_names) = named(self.names, bytes);
        let (mut named, other): (Vec<_>, Vec<_>) = self
            .images
            .into_iter()
            .partition(|(image, _)| image.len() <= Totals::IMAGE_BYTES);
        let mut other: u64 = other.iter().map(|(_, deployments)| deployments).sum();
        if named.len() > Totals::IMAGES {
            named.select_nth_unstable_by_key(Totals::IMAGES, |(image, deployments)| {
                (Reverse(*deployments), *image)
            });
            let left_out = named.split_off(Totals::IMAGES);
            other += left_out
                .iter()
                .map(|(_, deployments)| deployments)
                .sum::<u64>();
        }
        Totals {
            deployments: self.deployments,
            health: self.health,
            images: ImageCounts(named),
            other_images: other,
            names,
            other_names,
        }
    }
}

/// The names that fit into these bytes, worst health first, and the number of deployments left out.
fn named(
    versions: HashMap<Version<'_>, u64, RandomState>,
    bytes: usize,
) -> (Vec<NameCount<&str>>, u64) {
    let all: u64 = versions.values().sum();
    let mut versions: Vec<_> = versions.into_iter().collect();
    versions.sort_unstable_by(
        |((a, a_images, a_health), _), ((b, b_images, b_health), _)| {
            (a_health, a, a_images).cmp(&(b_health, b, b_images))
        },
    );
    let budget = PageBudget {
        items: usize::MAX,
        bytes,
    };
    let counts =
        versions.into_iter().map(
            |((deployment_name, images, health), deployments)| NameCount {
                deployment_name,
                images,
                health,
                deployments,
            },
        );
    let (named, _) = page::take(counts, budget, |count| {
        let images = count.images.iter().map(|image| image.len() + 3);
        LINE_BYTES + count.deployment_name.len() + images.sum::<usize>()
    });
    let counted: u64 = named.iter().map(|count| count.deployments).sum();
    (named, all - counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_room_are_left_out_and_the_healthy_ones_first() {
        let version = |name, health| ((name, vec!["web:1"], health), 2);
        let versions = [
            version("a", Health::Healthy),
            version("b", Health::Failed),
            version("c", Health::Degraded),
        ];
        let line = LINE_BYTES + "a".len() + "web:1".len() + 3 + 1;
        for (lines, expected) in [(3, &["b", "c", "a"][..]), (2, &["b", "c"]), (0, &["b"])] {
            let (named, left_out) = named(versions.clone().into_iter().collect(), lines * line);
            let names: Vec<_> = named.iter().map(|count| count.deployment_name).collect();
            assert_eq!(names, expected);
            assert_eq!(left_out, 6 - 2 * expected.len() as u64);
        }
    }
}
