use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

use crate::fixtures::{condition_of, deployment, image, refusal, restart};
use crate::server::Server;

fn waiting_reason(pod: &Pod) -> Option<&str> {
    let status = pod.status.as_ref()?.container_statuses.as_ref()?.first()?;
    status.state.as_ref()?.waiting.as_ref()?.reason.as_deref()
}

pub async fn a_bad_image_hangs_until_the_deadline(server: Server) {
    server
        .deploy("web", 4, |body| {
            body["spec"]["progressDeadlineSeconds"] = 5.into()
        })
        .await;
    server.rolled_out("web").await;
    server
        .patch("web", image("registry.example.com/web:does-not-exist"))
        .await;
    let stuck = server
        .until("web", "a rollout that is out of time", |d| {
            condition_of(d, "Progressing").1 == "ProgressDeadlineExceeded"
        })
        .await;
    assert_eq!(condition_of(&stuck, "Progressing").0, "False");
    assert_eq!(condition_of(&stuck, "Available").0, "True");
    let status = stuck.status.unwrap();
    // Surge and unavailability of a quarter of four.
    assert_eq!(
        (status.available_replicas, status.updated_replicas),
        (Some(3), Some(2))
    );
    assert_eq!(
        (status.replicas, status.unavailable_replicas),
        (Some(5), Some(2))
    );
    server
        .eventually("two pods without their image", async || {
            let pods = server.pods_of("web").await;
            let stuck = pods
                .iter()
                .filter(|pod| waiting_reason(pod) == Some("ImagePullBackOff"));
            (stuck.count() == 2).then_some(())
        })
        .await;
    server
        .patch("web", image("registry.example.com/web:1.0"))
        .await;
    server.rolled_out("web").await;
}

pub async fn a_paused_deployment_waits(server: Server) {
    server.deploy("web", 1, |_| {}).await;
    server.rolled_out("web").await;
    server
        .patch("web", json!({ "spec": { "paused": true } }))
        .await;
    let paused = server
        .until("web", "a noticed pause", |d| {
            condition_of(d, "Progressing").1 == "DeploymentPaused"
        })
        .await;
    assert_eq!(condition_of(&paused, "Progressing").0, "Unknown");
    let restarted = server.patch("web", restart("2026-01-01T00:00:00Z")).await;
    server
        .until("web", "an observed restart", |d| {
            d.status.as_ref().unwrap().observed_generation == restarted.metadata.generation
        })
        .await;
    assert_eq!(server.sets_of("web").await.len(), 1);
    server
        .patch("web", json!({ "spec": { "replicas": 2 } }))
        .await;
    server
        .eventually("a paused deployment to be scaled", async || {
            (server.pods_of("web").await.len() == 2).then_some(())
        })
        .await;
    assert_eq!(server.sets_of("web").await.len(), 1);
    server
        .patch("web", json!({ "spec": { "paused": null } }))
        .await;
    server.rolled_out("web").await;
    assert_eq!(server.sets_of("web").await.len(), 2);
}

pub async fn an_unobserved_generation_shows(server: Server) {
    server.deploy("web", 1, |_| {}).await;
    server.rolled_out("web").await;
    let restarted = server.patch("web", restart("2026-01-01T00:00:00Z")).await;
    let status = restarted.status.unwrap();
    // The response to the patch itself: complete by its counts and conditions, which belong to an older generation.
    assert_eq!(
        (restarted.metadata.generation, status.observed_generation),
        (Some(2), Some(1))
    );
    assert_eq!(status.updated_replicas, Some(1));
}

pub async fn a_namespace_goes_with_all_that_is_in_it(server: Server) {
    server.deploy("web", 1, |_| {}).await;
    server.rolled_out("web").await;
    let namespaces: Api<Namespace> = Api::all(server.client.clone());
    let ending = namespaces
        .delete(&server.namespace, &DeleteParams::default())
        .await
        .unwrap();
    let ending = ending.left().unwrap();
    assert_eq!(ending.status.unwrap().phase.as_deref(), Some("Terminating"));
    let late = serde_json::from_value(deployment("late", 0)).unwrap();
    let status = refusal(
        server
            .deployments()
            .create(&PostParams::default(), &late)
            .await,
    );
    if status.code != 404 {
        assert_eq!((status.code, status.reason.as_str()), (403, "Forbidden"));
        assert!(
            status.message.ends_with("because it is being terminated"),
            "{}",
            status.message
        );
    }
    server
        .eventually("the namespace to go", async || {
            namespaces
                .get_opt(&server.namespace)
                .await
                .unwrap()
                .is_none()
                .then_some(())
        })
        .await;
    assert_eq!(server.pods_of("web").await.len(), 0);
}
