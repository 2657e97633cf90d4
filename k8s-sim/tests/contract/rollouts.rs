use serde_json::json;

use crate::fixtures::{condition_of, image, is_rolled_out, restart, revision};
use crate::server::Server;

fn sizes(sets: &[k8s_openapi::api::apps::v1::ReplicaSet]) -> Vec<(i64, i32)> {
    sets.iter()
        .map(|set| {
            (
                revision(set),
                set.spec.as_ref().and_then(|s| s.replicas).unwrap_or(0),
            )
        })
        .collect()
}

pub async fn a_new_deployment_gets_a_set_and_pods(server: Server) {
    server
        .deploy("web", 2, |body| {
            body["metadata"]["annotations"] = json!({ "owner": "me" })
        })
        .await;
    let done = server.rolled_out("web").await;
    assert_eq!(
        condition_of(&done, "Available"),
        ("True".into(), "MinimumReplicasAvailable".into())
    );
    assert_eq!(
        condition_of(&done, "Progressing"),
        ("True".into(), "NewReplicaSetAvailable".into())
    );
    assert_eq!(
        done.metadata.annotations.as_ref().unwrap()["deployment.kubernetes.io/revision"],
        "1"
    );
    let status = done.status.unwrap();
    assert_eq!(
        (status.ready_replicas, status.unavailable_replicas),
        (Some(2), None)
    );

    let sets = server.sets_of("web").await;
    assert_eq!(sizes(&sets), [(1, 2)]);
    let meta = &sets[0].metadata;
    let hash = &meta.labels.as_ref().unwrap()["pod-template-hash"];
    assert_eq!(meta.name.as_ref().unwrap(), &format!("web-{hash}"));
    assert_eq!(meta.annotations.as_ref().unwrap()["owner"], "me");
    assert_eq!(
        meta.annotations.as_ref().unwrap()["deployment.kubernetes.io/desired-replicas"],
        "2"
    );
    assert_eq!(
        meta.annotations.as_ref().unwrap()["deployment.kubernetes.io/max-replicas"],
        "3"
    );
    let owner = &meta.owner_references.as_ref().unwrap()[0];
    assert_eq!(
        (owner.kind.as_str(), owner.uid.as_str(), owner.controller),
        (
            "Deployment",
            done.metadata.uid.as_deref().unwrap(),
            Some(true)
        )
    );
    let spec = sets[0].spec.as_ref().unwrap();
    assert_eq!(
        &spec.selector.match_labels.as_ref().unwrap()["pod-template-hash"],
        hash
    );

    let pods = server.pods_of("web").await;
    assert_eq!(pods.len(), 2);
    let pod = &pods[0];
    assert!(
        pod.metadata
            .name
            .as_ref()
            .unwrap()
            .starts_with(&format!("web-{hash}-"))
    );
    assert_eq!(
        pod.metadata.owner_references.as_ref().unwrap()[0].kind,
        "ReplicaSet"
    );
    let status = pod.status.as_ref().unwrap();
    assert_eq!(status.phase.as_deref(), Some("Running"));
    assert!(status.container_statuses.as_ref().unwrap()[0].ready);
}

pub async fn a_restart_replaces_all_pods(server: Server) {
    server.deploy("web", 3, |_| {}).await;
    server.rolled_out("web").await;
    let before: Vec<_> = server
        .pods_of("web")
        .await
        .into_iter()
        .map(|p| p.metadata.uid)
        .collect();
    server.patch("web", restart("2026-01-01T00:00:00Z")).await;
    let mut least = 3;
    let done = server
        .until("web", "a finished restart", |d| {
            if let Some(status) = &d.status {
                assert!(
                    status.available_replicas.unwrap_or(0) >= 3,
                    "a quarter of three rounds down to none unavailable"
                );
                assert!(
                    status.replicas.unwrap_or(0) <= 4,
                    "a quarter of three rounds up to one more"
                );
            }
            is_rolled_out(d)
        })
        .await;
    least = least.min(done.status.unwrap().available_replicas.unwrap());
    assert_eq!(least, 3);
    assert_eq!(
        done.metadata.annotations.unwrap()["deployment.kubernetes.io/revision"],
        "2"
    );
    let sets = server.sets_of("web").await;
    assert_eq!(sizes(&sets), [(1, 0), (2, 3)]);
    server
        .eventually("the old pods to go", async || {
            let pods = server.pods_of("web").await;
            (pods.len() == 3 && pods.iter().all(|pod| !before.contains(&pod.metadata.uid)))
                .then_some(())
        })
        .await;
}

pub async fn an_earlier_template_gets_its_set_back(server: Server) {
    server.deploy("web", 1, |_| {}).await;
    server.rolled_out("web").await;
    let first = server.sets_of("web").await.remove(0).metadata.name;
    server
        .patch("web", image("registry.example.com/web:2.0"))
        .await;
    server.rolled_out("web").await;
    server
        .patch("web", image("registry.example.com/web:1.0"))
        .await;
    server.rolled_out("web").await;
    let sets = server
        .eventually("the sets to be renumbered", async || {
            let sets = server.sets_of("web").await;
            (sizes(&sets) == [(2, 0), (3, 1)]).then_some(sets)
        })
        .await;
    assert_eq!(sets[1].metadata.name, first);
    assert_eq!(
        sets[1].metadata.annotations.as_ref().unwrap()["deployment.kubernetes.io/revision-history"],
        "1"
    );
}

pub async fn a_size_is_followed_without_a_rollout(server: Server) {
    server.deploy("web", 1, |_| {}).await;
    server.rolled_out("web").await;
    for size in [3, 0, 2] {
        server
            .patch("web", json!({ "spec": { "replicas": size } }))
            .await;
        let done = server.rolled_out("web").await;
        assert_eq!(
            condition_of(&done, "Progressing").1,
            "NewReplicaSetAvailable"
        );
    }
    assert_eq!(sizes(&server.sets_of("web").await), [(1, 2)]);
}

pub async fn the_recreate_strategy_leaves_a_gap(server: Server) {
    server
        .deploy("web", 2, |body| {
            body["spec"]["strategy"] = json!({ "type": "Recreate" })
        })
        .await;
    server.rolled_out("web").await;
    server
        .patch("web", image("registry.example.com/web:2.0"))
        .await;
    server
        .until("web", "a finished rollout", |d| {
            let status = d.status.clone().unwrap_or_default();
            assert!(status.replicas.unwrap_or(0) <= 2);
            is_rolled_out(d)
        })
        .await;
    assert_eq!(sizes(&server.sets_of("web").await), [(1, 0), (2, 2)]);
}

pub async fn old_sets_are_forgotten_beyond_the_limit(server: Server) {
    server
        .deploy("web", 1, |body| {
            body["spec"]["revisionHistoryLimit"] = 1.into()
        })
        .await;
    server.rolled_out("web").await;
    for version in ["2.0", "3.0", "4.0"] {
        server
            .patch("web", image(&format!("registry.example.com/web:{version}")))
            .await;
        server.rolled_out("web").await;
    }
    server
        .eventually("the oldest sets to go", async || {
            (sizes(&server.sets_of("web").await) == [(3, 0), (4, 1)]).then_some(())
        })
        .await;
}
