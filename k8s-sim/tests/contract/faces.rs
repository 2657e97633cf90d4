use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{ListParams, PartialObjectMeta};
use kube::{Api, ResourceExt as _};

use crate::fixtures::refusal;
use crate::server::Server;

pub async fn list_items_have_no_kind_of_their_own(server: Server) {
    server.deploy("web", 0, |_| {}).await;
    let (code, list) = server.get(&server.path("")).await;
    assert_eq!((code, list["kind"].as_str()), (200, Some("DeploymentList")));
    assert_eq!(list["apiVersion"], "apps/v1");
    assert_eq!(list["items"][0].get("kind"), None);
    assert_eq!(list["items"][0]["metadata"]["name"], "web");
    let (_, one) = server.get(&server.path("/web")).await;
    assert_eq!(
        (&one["kind"], &one["apiVersion"]),
        (&"Deployment".into(), &"apps/v1".into())
    );
}

pub async fn metadata_alone_can_be_requested(server: Server) {
    server.deploy("web", 0, |_| {}).await;
    let api: Api<PartialObjectMeta<Deployment>> =
        Api::namespaced(server.client.clone(), &server.namespace);
    let list = server
        .deployments()
        .list_metadata(&ListParams::default())
        .await
        .unwrap();
    assert_eq!(list.items[0].name_any(), "web");
    assert_eq!(
        api.get_metadata("web").await.unwrap().metadata.generation,
        Some(1)
    );
}

pub async fn a_missing_object_is_named(server: Server) {
    let status = refusal(server.deployments().get("absent").await);
    assert_eq!((status.code, status.reason.as_str()), (404, "NotFound"));
    assert_eq!(status.message, "deployments.apps \"absent\" not found");
    let details = status.details.unwrap();
    assert_eq!(
        (details.name.as_str(), details.group.as_str()),
        ("absent", "apps")
    );
    assert_eq!(details.kind, "deployments");
    let status = refusal(server.pods().get("absent").await);
    assert_eq!(status.message, "pods \"absent\" not found");
}

pub async fn paths_outside_the_api_are_not_found(server: Server) {
    for path in [
        "/apis/apps/v1beta9/deployments".to_owned(),
        server.path("/web/exec"),
        format!("/apis/apps/v1/namespaces/{}/nonsense", server.namespace),
    ] {
        let (code, _) = server.get(&path).await;
        assert_eq!(code, 404, "{path}");
    }
    let (code, list) = server
        .get("/apis/apps/v1/namespaces/absent/deployments")
        .await;
    assert_eq!(
        (code, list["items"].as_array().map(Vec::len)),
        (200, Some(0))
    );
}

pub async fn discovery_lists_what_is_served(server: Server) {
    let (_, version) = server.get("/version").await;
    assert_eq!(
        (&version["major"], &version["minor"]),
        (&"1".into(), &"36".into())
    );
    let (_, apps) = server.get("/apis/apps/v1").await;
    let resources = apps["resources"].as_array().unwrap();
    for (name, kind) in [
        ("deployments", "Deployment"),
        ("deployments/scale", "Scale"),
        ("deployments/status", "Deployment"),
        ("replicasets", "ReplicaSet"),
        ("statefulsets", "StatefulSet"),
        ("statefulsets/scale", "Scale"),
        ("statefulsets/status", "StatefulSet"),
        ("daemonsets", "DaemonSet"),
        ("daemonsets/status", "DaemonSet"),
        ("controllerrevisions", "ControllerRevision"),
    ] {
        let found = resources
            .iter()
            .find(|resource| resource["name"] == name)
            .unwrap();
        assert_eq!(
            (&found["kind"], &found["namespaced"]),
            (&kind.into(), &true.into())
        );
    }
    let served = |name: &str| resources.iter().any(|resource| resource["name"] == name);
    assert!(!served("daemonsets/scale") && !served("controllerrevisions/status"));
    for (group, version, name) in [
        ("autoscaling", "v2", "horizontalpodautoscalers"),
        ("policy", "v1", "poddisruptionbudgets"),
    ] {
        let (_, about) = server.get(&format!("/apis/{group}")).await;
        assert_eq!(about["preferredVersion"]["version"], version);
        let (_, list) = server.get(&format!("/apis/{group}/{version}")).await;
        let resources = list["resources"].as_array().unwrap();
        assert!(resources.iter().any(|resource| resource["name"] == name));
    }
    assert_eq!(server.get("/readyz").await.1, "ok");
}
