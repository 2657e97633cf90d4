//! The replies of the read verbs.

use bus_schema::verb::{
    GetWorkload, ListEvents, ListNamespaces, ListPods, ListWorkloads, RolloutState,
    WorkloadCondition,
};
use bus_schema::{FaultCode, Health};
use serde_json::json;
use xtask::condition;

use crate::deployment::Target;
use crate::stage::{PATIENCE, Stage};

pub async fn lists_show_what_is_there(stage: &Stage) {
    let target = Target::rolled_out(stage, "lists").await;
    let request = ListWorkloads {
        namespace: Some(target.namespace.clone()),
        ..ListWorkloads::default()
    };
    let item = condition::met("a healthy deployment", PATIENCE, async || {
        let page = stage.ask(&request).await?;
        Ok(page
            .items
            .into_iter()
            .find(|item| item.health == Health::Healthy))
    });
    let item = item.await.unwrap();
    assert_eq!(item.name, target.name);
    assert_eq!(
        [item.replicas, item.ready, item.updated, item.available],
        [2; 4]
    );
    assert_eq!(item.images, ["web:1", "side:1"]);
    assert_eq!(item.labels["tier"], "web");
    assert!(item.created_at.is_some());

    let namespaces = stage.ask(&ListNamespaces::default()).await.unwrap();
    let lists = namespaces
        .items
        .iter()
        .find(|n| n.namespace == target.namespace);
    let lists = lists.unwrap();
    assert_eq!((lists.phase.as_str(), lists.deployments), ("Active", 1));
    let sorted = namespaces
        .items
        .is_sorted_by(|a, b| a.namespace < b.namespace);
    assert!(sorted);
    assert!(namespaces.stale_seconds.is_none());
}

/// Neither the length of a page nor its cursor reveals namespaces that the requester may not see.
pub async fn pages_of_selected_namespaces_name_no_others(stage: &Stage) {
    stage.ready().await;
    let wanted = |patterns: &[&str], next: Option<String>| ListNamespaces {
        namespaces: Some(patterns.iter().map(|p| p.parse().unwrap()).collect()),
        limit: Some(1),
        next,
    };
    // Other namespaces sort before, between and after them.
    let patterns = ["default", "kube-sys*"];
    let first = stage.ask(&wanted(&patterns, None)).await.unwrap();
    let names = |page: &bus_schema::Page<bus_schema::verb::NamespaceSummary>| -> Vec<String> {
        page.items.iter().map(|n| n.namespace.to_string()).collect()
    };
    assert_eq!(names(&first), ["default"]);
    assert_eq!(first.next.as_deref(), Some("default"));
    let second = stage.ask(&wanted(&patterns, first.next)).await.unwrap();
    assert_eq!(
        (names(&second), second.next),
        (vec!["kube-system".to_owned()], None)
    );
    let none = stage.ask(&wanted(&[], None)).await.unwrap();
    assert_eq!((names(&none).len(), none.next), (0, None));
}

/// A requester that stores a list must not get another cluster's.
pub async fn a_list_of_another_cluster_is_refused(stage: &Stage) {
    let of = |uid: Option<String>| ListWorkloads {
        cluster_uid: uid,
        ..ListWorkloads::default()
    };
    let own = stage.ready().await.cluster_uid;
    assert!(stage.ask(&of(own)).await.is_ok());
    let other = Some("00000000-0000-4000-8000-000000000000".to_owned());
    let fault = stage.ask(&of(other)).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::IdentityConflict);
}

pub async fn all_filters_must_match(stage: &Stage) {
    let target = Target::create(stage, "filters", "web:1").await;
    Target::create_in(stage, "filters", "other", "other:2").await;
    let all = ListWorkloads {
        namespace: Some(target.namespace.clone()),
        ..ListWorkloads::default()
    };
    let names = async |request: &ListWorkloads| -> Vec<String> {
        let page = stage.ask(request).await.expect("a page");
        page.items
            .iter()
            .map(|item| item.name.to_string())
            .collect()
    };
    condition::met("both in the cache", PATIENCE, async || {
        Ok((names(&all).await.len() == 2).then_some(()))
    })
    .await
    .unwrap();
    let with = |change: fn(&mut ListWorkloads)| {
        let mut request = all.clone();
        change(&mut request);
        request
    };
    for (request, expected) in [
        (with(|r| r.q = Some("my".into())), vec!["my.app"]),
        (with(|r| r.image = Some("other:".into())), vec!["other"]),
        (
            with(|r| r.label_selector = Some("app in (other, x), tier".into())),
            vec!["other"],
        ),
        (
            with(|r| r.label_selector = Some("app!=other".into())),
            vec!["my.app"],
        ),
        (
            with(|r| r.health = [Health::Failed].into_iter().collect()),
            vec![],
        ),
        (
            with(|r| {
                r.q = Some("o".into());
                r.image = Some("web".into());
            }),
            vec![],
        ),
        (all.clone(), vec!["my.app", "other"]),
    ] {
        assert_eq!(names(&request).await, expected, "{request:?}");
    }
}

pub async fn pages_together_are_the_list(stage: &Stage) {
    let target = Target::create(stage, "paged", "web:1").await;
    for name in ["a", "b", "c-d", "c"] {
        Target::create_in(stage, "paged", name, "web:1").await;
    }
    let mut request = ListWorkloads {
        namespace: Some(target.namespace.clone()),
        ..ListWorkloads::default()
    };
    condition::met("all in the cache", PATIENCE, async || {
        let count = stage.ask(&request).await?.items.len();
        Ok((count == 5).then_some(()))
    })
    .await
    .unwrap();
    request.limit = Some(2);
    let mut names = Vec::new();
    loop {
        let page = stage.ask(&request).await.unwrap();
        assert!(page.items.len() <= 2);
        names.extend(page.items.into_iter().map(|item| item.name.to_string()));
        match page.next {
            Some(next) => request.next = Some(next),
            None => break,
        }
    }
    assert_eq!(names, ["a", "b", "c", "c-d", "my.app"]);
}

pub async fn pods_and_events_are_those_of_the_deployment(stage: &Stage) {
    let target = Target::rolled_out(stage, "whose").await;
    let other = Target::create_in(stage, "whose", "other", "other:1").await;
    other.reaches(stage, RolloutState::Complete).await;
    target.stray_pod().await;
    let request = ListPods {
        target: target.workload(),
        limit: None,
        next: None,
    };
    let page = stage.ask(&request).await.unwrap();
    assert_eq!(page.items.len(), 2);
    for pod in &page.items {
        assert!(pod.ready, "{pod:?}");
        assert_eq!(pod.status, "Running");
        assert_eq!(pod.containers.len(), 2);
        assert_eq!(pod.containers[0].state, "running");
        assert!(pod.node.is_some());
        assert!(pod.replica_set.as_ref().unwrap().starts_with("my.app-"));
    }
    let request = ListEvents {
        target: target.workload(),
        limit: None,
        next: None,
    };
    let events = condition::met("an event of the deployment", PATIENCE, async || {
        let events = stage.ask(&request).await?.items;
        let scaled = events
            .iter()
            .any(|event| event.reason == "ScalingReplicaSet");
        Ok(scaled.then_some(events))
    });
    let events = events.await.unwrap();
    assert!(events.is_sorted_by(|a, b| a.time >= b.time));
    for event in &events {
        let (_, name) = event.object.split_once('/').unwrap();
        assert!(name.starts_with("my.app"), "{event:?}");
    }
}

pub async fn one_workload_is_read_whole(stage: &Stage) {
    let target = Target::rolled_out(stage, "whole").await;
    let resources = json!({ "requests": { "cpu": "250m" }, "limits": { "memory": "64Mi" } });
    let spec = json!({
        "initContainers": [{ "name": "prepare", "image": "prepare:1" }],
        "containers": [{ "name": "web", "image": "web:1", "resources": resources }],
    });
    target
        .patch(json!({ "spec": { "template": { "spec": spec } } }))
        .await;
    target.reaches(stage, RolloutState::Complete).await;
    stage.ask(&target.restart(1)).await.unwrap();
    target.reaches(stage, RolloutState::Complete).await;

    let request = GetWorkload {
        target: target.workload(),
    };
    let workload = stage.ask(&request).await.unwrap();
    let object = target.read().await.metadata;
    assert_eq!(workload.target, target.workload());
    assert_eq!(Some(&workload.uid), object.uid.as_ref());
    assert_eq!(Some(&workload.labels), object.labels.as_ref());
    assert_eq!((workload.replicas, workload.revision), (2, Some(3)));
    assert_eq!(workload.operation_id, target.guard(1).operation_id);
    assert!(workload.restarted_at.is_some());
    assert_eq!(workload.strategy.as_deref(), Some("RollingUpdate"));
    let containers = workload.containers.iter();
    let containers: Vec<_> = containers.map(|c| (c.container.as_str(), c.init)).collect();
    assert_eq!(containers, [("prepare", true), ("web", false)]);
    let web = &workload.containers[1];
    assert_eq!(web.image, "web:1");
    assert_eq!(web.requests["cpu"], "250m");
    assert_eq!(web.limits["memory"], "64Mi");
    let is_available = |c: &WorkloadCondition| c.kind == "Available" && c.status == "True";
    assert!(
        workload.conditions.iter().any(is_available),
        "{:?}",
        workload.conditions
    );
}

pub async fn what_does_not_exist_is_not_found(stage: &Stage) {
    let payload = r#"{"namespace":"no-such","deployment_name":"thing"}"#;
    for verb in ["get", "restart", "rollout", "log", "pods", "events"] {
        let message = stage.raw(verb, payload.into()).await.unwrap();
        let fault = crate::stage::read::<serde_json::Value>(&message).unwrap_err();
        assert_eq!(fault.code, FaultCode::NotFound, "{verb}: {fault}");
        assert!(fault.message.contains("thing"), "{verb}: {fault}");
    }
}

pub async fn a_rollout_that_hangs_names_its_problem(stage: &Stage) {
    let target = Target::create(stage, "hanging", "does-not-exist:1").await;
    let rollout = condition::met("a problem", PATIENCE, async || {
        let rollout = stage.ask(&target.rollout()).await?;
        let pulls = |reason: &str| reason.contains("ImagePull");
        let found = rollout
            .problems
            .iter()
            .any(|problem| pulls(&problem.reason));
        Ok(found.then_some(rollout))
    });
    let rollout = rollout.await.unwrap();
    assert_eq!(rollout.state, RolloutState::Progressing);
    assert_eq!(rollout.available, 0);
    let web = rollout
        .problems
        .iter()
        .find_map(|problem| problem.container.as_ref());
    assert_eq!(web.unwrap().as_str(), "web");
}
