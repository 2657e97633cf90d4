//! The totals of all clusters together.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use bus_schema::{Health, Totals};
use foldhash::fast::RandomState;

use super::page::{FleetImage, FleetTotals};

/// What one cluster has, with images by their numbers.
#[derive(Debug)]
pub struct Counted {
    pub deployments: u64,
    health: BTreeMap<Health, u64>,
    images: Vec<(usize, u64)>,
    other_images: u64,
}

/// The images that any of the clusters has named, each with a number.
#[derive(Debug, Default)]
pub struct Images(HashMap<Box<str>, usize, RandomState>);

impl Images {
    /// What a cluster has. Most of its images were named by others before.
    pub fn count(&mut self, totals: Totals<impl AsRef<str>>) -> Counted {
        let images = totals.images.0.into_iter();
        Counted {
            deployments: totals.deployments,
            health: totals.health,
            images: images
                .map(|(image, uses)| (self.number(image.as_ref()), uses))
                .collect(),
            other_images: totals.other_images,
        }
    }

    fn number(&mut self, image: &str) -> usize {
        if let Some(number) = self.0.get(image) {
            return *number;
        }
        let number = self.0.len();
        self.0.insert(image.into(), number);
        number
    }

    /// All together: the images that are used most by their names, the others as a number. Numbers are anybody's, and so must not
    /// overflow.
    pub fn totals(self, clusters: impl Iterator<Item = Counted>) -> FleetTotals {
        let mut totals = FleetTotals::default();
        let mut sums = vec![(0_u64, 0_u64); self.0.len()];
        for cluster in clusters {
            totals.deployments = totals.deployments.saturating_add(cluster.deployments);
            totals.other_images = totals.other_images.saturating_add(cluster.other_images);
            for (health, count) in cluster.health {
                let sum = totals.health.entry(health).or_default();
                *sum = sum.saturating_add(count);
            }
            for (number, uses) in cluster.images {
                let (deployments, clusters) = &mut sums[number];
                *deployments = deployments.saturating_add(uses);
                *clusters += 1;
            }
        }
        let counted = self
            .0
            .into_iter()
            .map(|(image, number)| (image, sums[number]));
        // Those of a cluster that was left out after all are counted by none.
        let mut counted: Vec<_> = counted.filter(|(_, (_, clusters))| *clusters > 0).collect();
        counted.sort_unstable_by(|(a, (a_uses, _)), (b, (b_uses, _))| {
            (Reverse(a_uses), a).cmp(&(Reverse(b_uses), b))
        });
        let left_out = counted.split_off(counted.len().min(Totals::IMAGES));
        for (_, (deployments, _)) in left_out {
            totals.other_images = totals.other_images.saturating_add(deployments);
        }
        let named = |(image, (deployments, clusters)): (Box<str>, _)| FleetImage {
            image: image.into(),
            deployments,
            clusters,
        };
        totals.images = counted.into_iter().map(named).collect();
        totals
    }
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
            deployments: 3,
            health: [(Health::Failed, 1)].into(),
            images: ImageCounts(images.collect()),
            other_images,
        }
    }

    fn sum(clusters: Vec<Totals>) -> FleetTotals {
        let mut images = Images::default();
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
        assert_eq!((totals.deployments, totals.health[&Health::Failed]), (9, 3));
        assert_eq!(totals.images.len(), Totals::IMAGES);
        let first = |n: usize| (totals.images[n].image.as_str(), totals.images[n].clusters);
        assert_eq!((first(0), first(1)), (("b", 2), ("a", 1)));
        assert_eq!(totals.other_images, 5 + 2);
    }

    #[test]
    fn numbers_without_measure_do_no_harm() {
        let totals = sum(vec![cluster(&[("a", u64::MAX)], u64::MAX); 3]);
        assert_eq!(
            (totals.images[0].deployments, totals.other_images),
            (u64::MAX, u64::MAX)
        );
    }

    #[test]
    fn the_images_of_a_cluster_that_was_left_out_are_not_counted() {
        let mut images = Images::default();
        images.count(cluster(&[("a", 1), ("b", 1)], 0));
        let kept = images.count(cluster(&[("b", 1), ("c", 1)], 0));
        let totals = images.totals([kept].into_iter());
        let named: Vec<_> = totals.images.iter().map(|i| i.image.as_str()).collect();
        assert_eq!(named, ["b", "c"]);
    }
}
