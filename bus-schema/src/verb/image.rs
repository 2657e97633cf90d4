//! `cluster.<name>.image`: change images of a workload as `kubectl set image` does.

use std::collections::HashSet;

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

use super::mutation::mutation;
use crate::{ContainerName, ImageName, Right, WorkloadRef, WriteGuard};

/// The maximum number of containers of one change.
pub const MAX_IMAGES: usize = 100;

/// Sets the images of containers, all or none. Containers that have these images already are left unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// What to change.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// The images, at least one; each container at most once.
    #[serde(deserialize_with = "images")]
    pub images: Vec<ContainerImage>,
    /// Makes it safe to deliver late or twice.
    #[serde(flatten)]
    pub guard: WriteGuard,
}

mutation!(Image, "image", Right::Image => Imaged);

/// The image of a container, which may be an init container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContainerImage {
    /// The container.
    pub container: ContainerName,
    /// Its image.
    pub image: ImageName,
}

/// The images have been written to the cluster; the rollout follows. A duplicate gets the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Imaged {
    /// The changed workload.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// The images of all its containers now, init containers first. If this answers a duplicate, someone may have changed them since.
    pub images: Vec<ImageNow>,
}

/// The image that a container has, whatever it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImageNow {
    /// The container.
    pub container: ContainerName,
    /// Its image.
    pub image: String,
}

/// Deserializes the images of a request.
///
/// # Errors
/// If there are none or too many, or two of one container.
pub fn images<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ContainerImage>, D::Error> {
    let images = Vec::<ContainerImage>::deserialize(deserializer)?;
    if !(1..=MAX_IMAGES).contains(&images.len()) {
        let message = format!("name 1 to {MAX_IMAGES} containers with their images");
        return Err(D::Error::custom(message));
    }
    let mut seen = HashSet::new();
    match images.iter().find(|image| !seen.insert(&image.container)) {
        Some(twice) => {
            let message = format!(
                "the container {:?} is named twice",
                twice.container.as_str()
            );
            Err(D::Error::custom(message))
        }
        None => Ok(images),
    }
}
