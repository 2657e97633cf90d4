//! Sums up the totals of all clusters.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use bus_schema::{Health, Totals};

use super::names::CountedName;
use super::numbers::{Numbers, number};
use super::page::{FleetImage, FleetTotals};

/// One cluster's totals, with numbers for images.
#[derive(Debug)]
pub struct Counted {
    pub workloads: u64,
    health: BTreeMap<Health, u64>,
    images: Vec<(usize, u64)>,
    other_images: u64,
    /// Its counts by name, if requested.
    pub names: Vec<CountedName>,
    pub other_names: u64,
}

/// The images of all clusters; `None` where they are not counted.
#[derive(Debug)]
pub struct Images(Option<Numbers>);

impl Images {
    pub fn new(counted: bool) -> Self {
        Self(counted.then(Numbers::default))
    }

    /// Adds a cluster's totals. Most of its images have already been named by others.
    pub fn count(&mut self, totals: Totals<impl AsRef<str>>) -> Counted {
        let mut counted = Counted {
            workloads: totals.workloads,
            health: totals.health,
            images: Vec::new(),
            other_images: totals.other_images,
            names: Vec::new(),
            other_names: totals.other_names,
        };
        if let Some(numbers) = &mut self.0 {
            let images = totals.images.0.into_iter();
            let numbered = images.map(|(image, uses)| (number(numbers, image.as_ref()), uses));
            counted.images = numbered.collect();
        }
        counted
    }

    /// The sum over all clusters. Counts are untrusted, and so must not overflow.
    pub fn totals(self, clusters: impl Iterator<Item = Counted>) -> FleetTotals {
        let mut totals = FleetTotals::default();
        let mut sums = vec![(0_u64, 0_u64); self.0.as_ref().map_or(0, Numbers::len)];
        let mut other_images = 0_u64;
        for cluster in clusters {
            totals.workloads = totals.workloads.saturating_add(cluster.workloads);
            other_images = other_images.saturating_add(cluster.other_images);
            for (health, count) in cluster.health {
                let sum = totals.health.entry(health).or_default();
                *sum = sum.saturating_add(count);
            }
            for (number, uses) in cluster.images {
                let (workloads, clusters) = &mut sums[number];
                *workloads = workloads.saturating_add(uses);
                *clusters += 1;
            }
        }
        if let Some(numbers) = self.0 {
            let (named, left_out) = most_used(numbers, &sums);
            totals.images = Some(named);
            totals.other_images = Some(other_images.saturating_add(left_out));
        }
        totals
    }
}

/// The most used images by name, and the number of uses of the others.
fn most_used(numbers: Numbers, sums: &[(u64, u64)]) -> (Vec<FleetImage>, u64) {
    let counted = numbers.into_iter().map(|(image, number)| {
        let (workloads, clusters) = sums[number];
        FleetImage {
            image: image.into(),
            workloads,
            clusters,
        }
    });
    // Images of a cluster that was ignored in the end have no count.
    let mut named: Vec<_> = counted.filter(|image| image.clusters > 0).collect();
    let order = |a: &FleetImage, b: &FleetImage| {
        (Reverse(a.workloads), &a.image).cmp(&(Reverse(b.workloads), &b.image))
    };
    if named.len() > Totals::IMAGES {
        named.select_nth_unstable_by(Totals::IMAGES, order);
    }
    let left_out = named.split_off(named.len().min(Totals::IMAGES));
    named.sort_unstable_by(order);
    let others = left_out.iter().map(|image| image.workloads);
    (named, others.fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bus_schema::{Health, ImageCounts};

    fn cluster(images: &[(&str, u64)], other_images: u64) -> Totals {
        let images = images
            .iter()
            .map(|(image, uses)| ((*image).to_owned(), *uses));
        Totals {
            workloads: 3,
            health: [(Health::Failed, 1)].into(),
            images: ImageCounts(images.collect()),
            other_images,
            ..Totals::default()
        }
    }

    fn sum(clusters: Vec<Totals>) -> FleetTotals {
        let mut images = Images::new(true);
        let counted: Vec<_> = clusters
            .into_iter()
            .map(|totals| images.count(totals))
            .collect();
        images.totals(counted.into_iter())
    }

    #[test]
    fn the_most_used_images_stand_first_and_the_rest_is_counted() {
        let many: Vec<String> = (0..Totals::IMAGES).map(|n| format!("x{n}")).collect();
        let many: Vec<(&str, u64)> = many.iter().map(|image| (image.as_str(), 1)).collect();
        let totals = sum(vec![
            cluster(&[("b", 2), ("a", 2)], 5),
            cluster(&[("b", 4)], 0),
            cluster(&many, 0),
        ]);
        assert_eq!((totals.workloads, totals.health[&Health::Failed]), (9, 3));
        let images = totals.images.unwrap();
        assert_eq!(images.len(), Totals::IMAGES);
        let first = |n: usize| (images[n].image.as_str(), images[n].clusters);
        assert_eq!((first(0), first(1)), (("b", 2), ("a", 1)));
        assert_eq!(totals.other_images, Some(5 + 2));
    }

    #[test]
    fn huge_counts_do_no_harm() {
        let totals = sum(vec![cluster(&[("a", u64::MAX)], u64::MAX); 3]);
        let uses = totals.images.unwrap()[0].workloads;
        assert_eq!((uses, totals.other_images), (u64::MAX, Some(u64::MAX)));
    }

    #[test]
    fn the_images_of_a_cluster_that_was_left_out_are_not_counted() {
        let mut images = Images::new(true);
        images.count(cluster(&[("a", 1), ("b", 1)], 0));
        let counted = images.count(cluster(&[("b", 1), ("c", 1)], 0));
        let totals = images.totals([counted].into_iter());
        let named: Vec<_> = totals
            .images
            .unwrap()
            .into_iter()
            .map(|i| i.image)
            .collect();
        assert_eq!(named, ["b", "c"]);
    }

    #[test]
    fn without_images_nothing_is_said_of_them_though_an_agent_counts_them() {
        let mut images = Images::new(false);
        let counted = images.count(cluster(&[("a", 1)], 2));
        let totals = images.totals([counted].into_iter());
        assert_eq!(totals.workloads, 3);
        assert_eq!((totals.images, totals.other_images), (None, None));
    }
}
