//! The totals of all clusters together.

use std::cmp::Reverse;
use std::collections::HashMap;

use bus_schema::Totals;

use super::page::{FleetImage, FleetTotals};

/// A sum that is under way.
#[derive(Debug, Default)]
pub struct Sum {
    totals: FleetTotals,
    images: HashMap<String, (u64, u64)>,
}

impl Sum {
    /// Adds what a cluster has. Numbers are anybody's, and so must not overflow.
    pub fn add(&mut self, cluster: Totals) {
        let totals = &mut self.totals;
        totals.deployments = totals.deployments.saturating_add(cluster.deployments);
        totals.other_images = totals.other_images.saturating_add(cluster.other_images);
        for (health, count) in cluster.health {
            let sum = totals.health.entry(health).or_default();
            *sum = sum.saturating_add(count);
        }
        for counted in cluster.images {
            let (deployments, clusters) = self.images.entry(counted.image).or_default();
            *deployments = deployments.saturating_add(counted.deployments);
            *clusters += 1;
        }
    }

    /// The images that are used most by their names, the others as a number.
    pub fn totals(self) -> FleetTotals {
        let images = self.images.into_iter();
        let mut images: Vec<FleetImage> = images
            .map(|(image, (deployments, clusters))| FleetImage {
                image,
                deployments,
                clusters,
            })
            .collect();
        images.sort_unstable_by(|a, b| {
            (Reverse(a.deployments), &a.image).cmp(&(Reverse(b.deployments), &b.image))
        });
        let left_out = images.split_off(images.len().min(Totals::IMAGES));
        let other = left_out
            .iter()
            .fold(self.totals.other_images, |sum, image| {
                sum.saturating_add(image.deployments)
            });
        FleetTotals {
            images,
            other_images: other,
            ..self.totals
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bus_schema::{Health, ImageCount};

    fn cluster(images: &[(&str, u64)], other_images: u64) -> Totals {
        let images = images.iter().map(|(image, deployments)| ImageCount {
            image: (*image).to_owned(),
            deployments: *deployments,
        });
        Totals {
            deployments: 3,
            health: [(Health::Failed, 1)].into(),
            images: images.collect(),
            other_images,
        }
    }

    #[test]
    fn the_most_used_images_stand_first_and_the_rest_is_counted() {
        let mut sum = Sum::default();
        sum.add(cluster(&[("b", 2), ("a", 2)], 5));
        sum.add(cluster(&[("b", 4)], 0));
        let many: Vec<String> = (0..Totals::IMAGES).map(|n| format!("x{n}")).collect();
        let many: Vec<(&str, u64)> = many.iter().map(|image| (image.as_str(), 1)).collect();
        sum.add(cluster(&many, 0));
        let totals = sum.totals();
        assert_eq!((totals.deployments, totals.health[&Health::Failed]), (9, 3));
        assert_eq!(totals.images.len(), Totals::IMAGES);
        let first = |n: usize| (totals.images[n].image.as_str(), totals.images[n].clusters);
        assert_eq!((first(0), first(1)), (("b", 2), ("a", 1)));
        assert_eq!(totals.other_images, 5 + 2);
    }

    #[test]
    fn numbers_without_measure_do_no_harm() {
        let mut sum = Sum::default();
        for _ in 0..3 {
            sum.add(cluster(&[("a", u64::MAX)], u64::MAX));
        }
        let totals = sum.totals();
        assert_eq!(
            (totals.images[0].deployments, totals.other_images),
            (u64::MAX, u64::MAX)
        );
    }
}
