//! `image`: what `kubectl set image` does, but all or nothing, and with names of containers alone.

use bus_schema::verb::{ContainerImage, Image, ImageNow, Imaged};
use bus_schema::{ContainerName, Fault, FaultCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kubernetes::{TemplateContainer, WorkloadObject};
use crate::mutation::{Change, Seen};

impl Change for Image {
    fn patch(&self, seen: &Seen, _: Timestamp) -> Result<Value, Fault> {
        let template = &seen.spec.template.spec;
        let is_known = |name: &ContainerName| {
            is_one_of(&template.containers, name) || is_one_of(&template.init_containers, name)
        };
        let mut named = self.images.iter().map(|image| &image.container);
        // A strategic merge patch would add a container of an unknown name.
        if let Some(unknown) = named.find(|name| !is_known(name)) {
            return Err(no_container(unknown, seen));
        }
        let mut spec = json!({});
        for (list, containers) in [
            ("containers", &template.containers),
            ("initContainers", &template.init_containers),
        ] {
            let images = self.images.iter();
            let changes: Vec<_> = images
                .filter(|image| is_one_of(containers, &image.container))
                .map(|ContainerImage { container, image }| json!({ "name": container, "image": image }))
                .collect();
            if !changes.is_empty() {
                spec[list] = json!(changes);
            }
        }
        Ok(json!({ "spec": { "template": { "spec": spec } } }))
    }

    fn begins_revision(&self, seen: &Seen) -> bool {
        let is_there = |change: &ContainerImage| {
            all(seen).any(|container| {
                container.name == change.container.as_str()
                    && container.image == change.image.as_str()
            })
        };
        !self.images.iter().all(is_there)
    }

    fn reply(&self, after: &WorkloadObject) -> Imaged {
        Imaged {
            target: self.target.clone(),
            images: images_of(after),
        }
    }
}

/// The images of all containers, init containers first, as they start.
pub fn images_of(workload: &WorkloadObject) -> Vec<ImageNow> {
    let now = |container: &TemplateContainer| {
        Some(ImageNow {
            container: container.name.parse().ok()?,
            image: container.image.clone(),
        })
    };
    all(workload).filter_map(now).collect()
}

fn is_one_of(containers: &[TemplateContainer], name: &ContainerName) -> bool {
    containers
        .iter()
        .any(|container| container.name == name.as_str())
}

/// Init containers first, as they start.
fn all(workload: &WorkloadObject) -> impl Iterator<Item = &TemplateContainer> {
    let template = &workload.spec.template.spec;
    template.init_containers.iter().chain(&template.containers)
}

fn no_container(unknown: &ContainerName, seen: &WorkloadObject) -> Fault {
    let names: Vec<_> = all(seen).map(|container| &*container.name).collect();
    let message = format!(
        "images: there is no container {:?}, but {}; nothing was done",
        unknown.as_str(),
        names.join(", ")
    );
    Fault {
        field: Some("images".to_owned()),
        ..Fault::new(FaultCode::NotFound, message)
    }
}
