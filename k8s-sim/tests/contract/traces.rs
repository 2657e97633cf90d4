//! The effects of a deployment's lifecycle: events, and pods that are deleted or replaced.

use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, ListParams};

use crate::server::Server;

pub async fn a_rollout_is_recorded_in_events(server: Server) {
    let uid = server.deploy("web", 2, |_| {}).await.metadata.uid.unwrap();
    server.rolled_out("web").await;
    let set = server.sets_of("web").await.remove(0).metadata.name.unwrap();
    let events: Api<Event> = Api::namespaced(server.client.clone(), &server.namespace);
    let of = |kind: &str, name: &str| {
        ListParams::default().fields(&format!(
            "involvedObject.kind={kind},involvedObject.name={name}"
        ))
    };
    let scaled = server
        .eventually("an event", async || {
            events
                .list(&of("Deployment", "web"))
                .await
                .unwrap()
                .items
                .into_iter()
                .next()
        })
        .await;
    assert_eq!(scaled.involved_object.uid.as_deref(), Some(uid.as_str()));
    assert_eq!(
        (scaled.reason.as_deref(), scaled.type_.as_deref()),
        (Some("ScalingReplicaSet"), Some("Normal"))
    );
    assert_eq!(
        scaled.message.unwrap(),
        format!("Scaled up replica set {set} from 0 to 2")
    );
    assert_eq!(
        scaled.source.unwrap().component.as_deref(),
        Some("deployment-controller")
    );

    let created = server
        .eventually("two events", async || {
            let all = events.list(&of("ReplicaSet", &set)).await.unwrap().items;
            (all.len() == 2).then_some(all)
        })
        .await;
    let pod = server.pods_of("web").await.remove(0).metadata.name.unwrap();
    assert!(
        created
            .iter()
            .all(|event| event.reason.as_deref() == Some("SuccessfulCreate"))
    );
    assert!(
        created
            .iter()
            .any(|event| event.message.as_deref() == Some(&format!("Created pod: {pod}")))
    );
}

pub async fn a_deletion_takes_the_pods_along(server: Server) {
    server.deploy("web", 1, |_| {}).await;
    server.rolled_out("web").await;
    server
        .deployments()
        .delete("web", &DeleteParams::background())
        .await
        .unwrap();
    server
        .eventually("nothing to be left", async || {
            let left = server.pods_of("web").await.len() + server.sets_of("web").await.len();
            (left == 0).then_some(())
        })
        .await;
}

pub async fn a_deleted_pod_is_replaced(server: Server) {
    server.deploy("web", 1, |_| {}).await;
    server.rolled_out("web").await;
    let pod = server.pods_of("web").await.remove(0);
    let name = pod.metadata.name.as_deref().unwrap();
    let ending = server
        .pods()
        .delete(name, &DeleteParams::default())
        .await
        .unwrap()
        .left()
        .unwrap();
    assert!(ending.metadata.deletion_timestamp.is_some());
    assert_eq!(ending.metadata.deletion_grace_period_seconds, Some(30));
    server
        .eventually("another pod", async || {
            let pods = server.pods_of("web").await;
            (pods.len() == 1 && pods[0].metadata.uid != pod.metadata.uid).then_some(())
        })
        .await;
    server.rolled_out("web").await;
}
