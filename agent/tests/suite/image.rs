//! Changing images.

use bus_schema::FaultCode;
use bus_schema::verb::{ContainerImage, Image, Imaged, Resume, RolloutState};
use serde_json::json;

use crate::deployment::Target;
use crate::stage::Stage;

fn image(target: &Target, number: u32, images: &[(&str, &str)]) -> Image {
    let to_image = |(container, image): &(&str, &str)| ContainerImage {
        container: container.parse().expect("a container's name"),
        image: image.parse().expect("an image"),
    };
    Image {
        target: target.workload(),
        images: images.iter().map(to_image).collect(),
        guard: target.guard(number),
    }
}

fn images(imaged: &Imaged) -> Vec<(&str, &str)> {
    let images = imaged.images.iter();
    images
        .map(|now| (now.container.as_str(), &*now.image))
        .collect()
}

pub async fn images_are_changed_once_and_roll_out(stage: &Stage) {
    let target = Target::create(stage, "imaged", "web:1").await;
    let first = json!({ "name": "first", "image": "first:1" });
    let spec = json!({ "initContainers": [first] });
    target
        .patch(json!({ "spec": { "template": { "spec": spec } } }))
        .await;
    target.reaches(stage, RolloutState::Complete).await;
    let before = target.replica_sets().await;

    let change = image(&target, 1, &[("web", "web:2"), ("first", "first:2")]);
    let imaged = stage.ask(&change).await.unwrap();
    let expected = [("first", "first:2"), ("web", "web:2"), ("side", "side:1")];
    assert_eq!(images(&imaged), expected);
    target.reaches(stage, RolloutState::Complete).await;
    assert_eq!(target.replica_sets().await, before + 1);
    let template = target.read().await.spec.unwrap().template.spec.unwrap();
    let names: Vec<_> = template.containers.iter().map(|c| &*c.name).collect();
    assert_eq!(names, ["web", "side"]);

    // Delivered again after somebody else's change: nothing is done.
    let other = json!({ "containers": [{ "name": "web", "image": "web:3" }] });
    target
        .patch(json!({ "spec": { "template": { "spec": other } } }))
        .await;
    let again = stage.ask(&change).await.unwrap();
    assert_eq!(images(&again)[1], ("web", "web:3"));
    let older = stage
        .ask(&image(&target, 0, &[("web", "web:4")]))
        .await
        .unwrap_err();
    assert_eq!(older.code, FaultCode::Superseded);

    // The images that it has: no rollout.
    target.reaches(stage, RolloutState::Complete).await;
    let sets = target.replica_sets().await;
    let same = image(&target, 2, &[("web", "web:3")]);
    stage.ask(&same).await.unwrap();
    target.reaches(stage, RolloutState::Complete).await;
    assert_eq!(target.replica_sets().await, sets);
}

pub async fn an_unknown_container_leaves_every_image_as_it_is(stage: &Stage) {
    let target = Target::rolled_out(stage, "unknown-container").await;
    let before = target.read().await;
    let change = image(&target, 1, &[("web", "web:2"), ("sied", "side:2")]);
    let refused = stage.ask(&change).await.unwrap_err();
    assert_eq!(refused.code, FaultCode::NotFound);
    assert_eq!(refused.field.as_deref(), Some("images"));
    let expected = "no container \"sied\", but web, side";
    assert!(refused.message.contains(expected), "{refused}");
    let after = target.read().await;
    assert_eq!(
        after.metadata.resource_version,
        before.metadata.resource_version
    );
}

pub async fn images_of_a_paused_deployment_roll_out_when_it_is_resumed(stage: &Stage) {
    let target = Target::rolled_out(stage, "imaged-paused").await;
    target.patch(json!({ "spec": { "paused": true } })).await;
    let change = image(&target, 1, &[("side", "side:2")]);
    stage.ask(&change).await.unwrap();
    target.reaches(stage, RolloutState::Paused).await;
    assert_eq!(target.replica_sets().await, 1);
    let resume = Resume {
        target: target.workload(),
        guard: target.guard(2),
    };
    stage.ask(&resume).await.unwrap();
    target.reaches(stage, RolloutState::Complete).await;
    assert_eq!(target.replica_sets().await, 2);
}
