//! The effects of a workload's lifecycle: events, and pods that are deleted or replaced.

use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use serde_json::json;

use crate::fixtures::{daemon_set, stateful_set};
use crate::server::Server;

/// Selects the events of one object.
fn of(kind: &str, name: &str) -> ListParams {
    let selector = format!("involvedObject.kind={kind},involvedObject.name={name}");
    ListParams::default().fields(&selector)
}

pub async fn a_rollout_is_recorded_in_events(server: Server) {
    let uid = server.deploy("web", 2, |_| {}).await.metadata.uid.unwrap();
    server.rolled_out("web").await;
    let set = server.sets_of("web").await.remove(0).metadata.name.unwrap();
    let events: Api<Event> = Api::namespaced(server.client.clone(), &server.namespace);
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

pub async fn the_pods_of_each_set_are_recorded_in_events(server: Server) {
    let events: Api<Event> = Api::namespaced(server.client.clone(), &server.namespace);
    for (kind, plural, body) in [
        ("StatefulSet", "statefulsets", stateful_set("web", 1)),
        ("DaemonSet", "daemonsets", daemon_set("web")),
    ] {
        server.create(plural, &body).await;
        let event = server
            .eventually("an event", async || {
                let found = events.list(&of(kind, "web")).await.unwrap().items;
                found.into_iter().next()
            })
            .await;
        assert_eq!(event.reason.as_deref(), Some("SuccessfulCreate"));
        let component = format!("{}-controller", kind.to_lowercase());
        assert_eq!(event.source.unwrap().component, Some(component));
        let message = event.message.unwrap();
        let pods = server.pods_of("web").await.into_iter();
        let mut names = pods.filter_map(|pod| pod.metadata.name);
        match kind {
            "StatefulSet" => {
                let expected = "Create Pod web-0 in StatefulSet web successful";
                assert_eq!(message, expected);
            }
            _ => assert!(names.any(|pod| message == format!("Created pod: {pod}"))),
        }
    }
    let smaller = json!({ "spec": { "replicas": 0 } });
    server.patch_at("statefulsets/web", &smaller).await;
    let deleted = server
        .eventually("an event of the deletion", async || {
            let mut found = events.list(&of("StatefulSet", "web")).await.unwrap().items;
            found.retain(|event| event.reason.as_deref() == Some("SuccessfulDelete"));
            found.pop()
        })
        .await;
    let expected = "Delete Pod web-0 in StatefulSet web successful";
    assert_eq!(deleted.message.as_deref(), Some(expected));
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
