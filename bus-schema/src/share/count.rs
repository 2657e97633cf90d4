//! What deployments amount to, by health and by image.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use crate::{Health, ImageCounts, Listed, Totals};

/// A count that is under way.
#[derive(Default)]
pub struct Count<'a> {
    deployments: u64,
    health: BTreeMap<Health, u64>,
    images: HashMap<&'a str, u64, RandomState>,
}

impl<'a> Count<'a> {
    pub fn add(&mut self, health: Health) {
        self.deployments += 1;
        *self.health.entry(health).or_default() += 1;
    }

    pub fn add_images(&mut self, deployment: impl Listed<'a>) {
        for (position, image) in deployment.images().enumerate() {
            // Two containers of one image are one deployment that uses it.
            if !deployment
                .images()
                .take(position)
                .any(|other| other == image)
            {
                *self.images.entry(image).or_default() += 1;
            }
        }
    }

    /// The images that are used most by their names, the others as a number.
    pub fn totals(self) -> Totals<&'a str> {
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
        }
    }
}
