//! The earlier templates of seeded StatefulSets and DaemonSets: some have been updated once or twice.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::PodTemplateSpec;

use super::programs;
use crate::admission::TEMPLATE_GENERATION;
use crate::derived::history::revision_of;
use crate::derived::workload::Versioned;
use crate::identity::choose;

/// Seeded updates followed each other at this distance, within the first day after the workload's creation.
const BETWEEN_UPDATES: Duration = Duration::from_secs(7 * 3600);

/// The revisions of a seeded workload, oldest first; the last one is of its current template.
pub fn revisions<T: Versioned>(owner: &T) -> Vec<ControllerRevision> {
    let templates = templates(owner).into_iter().zip(1..);
    templates
        .map(|(template, number)| {
            let mut revision = revision_of(owner, &template, number);
            let annotations = revision.metadata.annotations.iter_mut().flatten();
            for (_, generation) in annotations.filter(|(key, _)| *key == TEMPLATE_GENERATION) {
                *generation = number.to_string();
            }
            revision
        })
        .collect()
}

/// When the revision with this number was rolled out.
pub fn began(created: Timestamp, number: i64) -> Timestamp {
    let updates = u32::try_from(number - 1).unwrap_or(0);
    created + BETWEEN_UPDATES * updates
}

fn templates<T: Versioned>(owner: &T) -> Vec<PodTemplateSpec> {
    let current = owner.template().cloned().unwrap_or_default();
    let image = image_of(&current).unwrap_or_default();
    let earlier = programs::earlier_images(image);
    let known = earlier.len().min(count(owner) - 1);
    let mut templates: Vec<_> = earlier[earlier.len() - known..]
        .iter()
        .map(|image| with_image(&current, image))
        .collect();
    templates.push(current);
    templates
}

/// One to three revisions.
fn count<T: Versioned>(owner: &T) -> usize {
    let meta = owner.metadata();
    1 + choose(&("revisions", &meta.namespace, &meta.name), 3)
}

fn image_of(template: &PodTemplateSpec) -> Option<&str> {
    let containers = &template.spec.as_ref()?.containers;
    containers.first()?.image.as_deref()
}

fn with_image(template: &PodTemplateSpec, image: &str) -> PodTemplateSpec {
    let mut template = template.clone();
    let containers = template
        .spec
        .iter_mut()
        .flat_map(|spec| &mut spec.containers);
    if let Some(container) = containers.into_iter().next() {
        container.image = Some(image.to_owned());
    }
    template
}
