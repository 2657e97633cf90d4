//! StatefulSets and DaemonSets: everything that is read and changed of a Deployment.

use bus_schema::verb::{
    ContainerImage, GetRollout, GetWorkload, Image, ListEvents, ListNamespaces, ListPods,
    ListWorkloads, Pause, ReadLog, Restart, RolloutState, Scale, WorkloadSummary,
};
use bus_schema::{FaultCode, Health, OperationId, WorkloadKind, WorkloadRef, WriteGuard};
use jiff::Timestamp;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use xtask::condition;

use crate::stage::{PATIENCE, Stage};

const KINDS: [WorkloadKind; 2] = [WorkloadKind::StatefulSet, WorkloadKind::DaemonSet];

/// A workload of one of these kinds, in a namespace of its own.
struct Made {
    target: WorkloadRef,
    api: Api<DynamicObject>,
}

impl Made {
    async fn create(stage: &Stage, kind: WorkloadKind, namespace: &str) -> Self {
        let of = |group: &str, kind: &str, plural: &str| ApiResource {
            group: group.to_owned(),
            version: "v1".to_owned(),
            api_version: format!("{group}/v1").trim_start_matches('/').to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        };
        let namespaces = of("", "Namespace", "namespaces");
        let object = json!({ "metadata": { "name": namespace } });
        let api = Api::all_with(stage.admin.clone(), &namespaces);
        create(&api, object).await;
        let mut spec = json!({
            "selector": { "matchLabels": { "app": "db" } },
            "template": {
                "metadata": { "labels": { "app": "db" } },
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{ "name": "main", "image": "db:1" }, { "name": "side", "image": "side:1" }],
                },
            },
        });
        if kind == WorkloadKind::StatefulSet {
            spec["replicas"] = json!(2);
            spec["serviceName"] = json!("db");
        }
        let resource = of("apps", kind.as_str(), kind.plural());
        let api = Api::namespaced_with(stage.admin.clone(), namespace, &resource);
        let object = json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": { "name": "db", "labels": { "tier": "data" } }, "spec": spec,
        });
        create(&api, object).await;
        let target = WorkloadRef {
            namespace: namespace.parse().unwrap(),
            kind,
            name: "db".parse().unwrap(),
        };
        Self { target, api }
    }

    /// One for each kind, rolled out.
    async fn all(stage: &Stage, prefix: &str) -> Vec<Self> {
        let mut all = Vec::new();
        for kind in KINDS {
            let namespace = format!("{prefix}-{}", kind.plural());
            let made = Self::create(stage, kind, &namespace).await;
            made.reaches(stage, RolloutState::Complete).await;
            all.push(made);
        }
        all
    }

    async fn reaches(&self, stage: &Stage, state: RolloutState) -> bus_schema::verb::Rollout {
        let target = self.target.clone();
        let request = GetRollout { target };
        condition::met(
            &format!("{}: {state:?}", self.target),
            PATIENCE,
            async || {
                let rollout = stage.try_ask(&request).await;
                Ok(rollout.filter(|rollout| rollout.state == state))
            },
        )
        .await
        .expect("the rollout's state")
    }

    async fn line(
        &self,
        stage: &Stage,
        fits: impl Fn(&WorkloadSummary) -> bool,
    ) -> WorkloadSummary {
        let request = ListWorkloads {
            kinds: vec![self.target.kind],
            namespace: Some(self.target.namespace.clone()),
            ..ListWorkloads::default()
        };
        condition::met("the line in the list", PATIENCE, async || {
            let page = stage.ask(&request).await?;
            Ok(page.items.into_iter().find(|item| fits(item)))
        })
        .await
        .expect("a line")
    }

    fn restart(&self, guard: WriteGuard) -> Restart {
        Restart {
            target: self.target.clone(),
            guard,
        }
    }

    async fn patch(&self, patch: Value) {
        let params = PatchParams::default();
        self.api
            .patch("db", &params, &Patch::Merge(patch))
            .await
            .expect("patched");
    }
}

async fn create(api: &Api<DynamicObject>, object: Value) {
    let object = serde_json::from_value(object).expect("an object");
    api.create(&PostParams::default(), &object)
        .await
        .expect("created");
}

fn operation(number: u64) -> WriteGuard {
    WriteGuard {
        operation_id: Some(OperationId::at(Timestamp::now(), number)),
        ..WriteGuard::default()
    }
}

pub async fn each_kind_is_listed_counted_and_read(stage: &Stage) {
    for made in Made::all(stage, "kinds").await {
        let (target, kind) = (made.target.clone(), made.target.kind);
        let line = made
            .line(stage, |line| line.health == Health::Healthy)
            .await;
        assert_eq!(line.target(), target);
        assert_eq!(line.deployment_name, None);
        assert_eq!(line.images, ["db:1", "side:1"]);
        assert!(line.replicas > 0);
        assert_eq!(
            [line.ready, line.updated, line.available],
            [line.replicas; 3]
        );
        let of_others = ListWorkloads {
            kinds: vec![WorkloadKind::Deployment],
            namespace: Some(target.namespace.clone()),
            ..ListWorkloads::default()
        };
        assert_eq!(stage.ask(&of_others).await.unwrap().items, []);

        let namespaces = stage.ask(&ListNamespaces::default()).await.unwrap().items;
        let counted = namespaces
            .iter()
            .find(|it| it.namespace == target.namespace);
        let counted = counted.unwrap();
        let expected = match kind {
            WorkloadKind::StatefulSet => (0, 1, 0),
            _ => (0, 0, 1),
        };
        let counts = (
            counted.deployments,
            counted.stateful_sets,
            counted.daemon_sets,
        );
        assert_eq!(counts, expected);

        let target = || target.clone();
        let whole = stage.ask(&GetWorkload { target: target() }).await.unwrap();
        assert_eq!(whole.strategy.as_deref(), Some("RollingUpdate"));
        assert_eq!(whole.replicas, line.replicas);
        assert_eq!(whole.containers.len(), 2);
        let rollout = stage.ask(&GetRollout { target: target() }).await.unwrap();
        assert_eq!(rollout.revision, Some(1), "{rollout:?}");
        let pods = ListPods {
            target: target(),
            limit: None,
            next: None,
        };
        let pods = stage.ask(&pods).await.unwrap().items;
        assert_eq!(pods.len(), line.replicas as usize);
        let events = ListEvents {
            target: target(),
            limit: None,
            next: None,
        };
        stage.ask(&events).await.unwrap();
    }
}

pub async fn a_restart_of_each_kind_replaces_every_pod_once(stage: &Stage) {
    for made in Made::all(stage, "restarts").await {
        let guard = operation(1);
        for _ in 0..5 {
            let done = stage.ask(&made.restart(guard.clone())).await.unwrap();
            assert!(done.restarted_at.is_some());
        }
        let rolled = condition::met("a second revision", PATIENCE, async || {
            let rollout = made.reaches(stage, RolloutState::Complete).await;
            Ok((rollout.revision == Some(2)).then_some(rollout))
        });
        let rolled = rolled.await.unwrap();
        assert_eq!(rolled.operation_id, guard.operation_id);

        // The history shows it after an undo by kubectl, which puts the earlier template back.
        let earlier = json!({ "kubectl.kubernetes.io/restartedAt": null });
        made.patch(json!({
            "metadata": { "annotations": { "multi-cluster-aggregator/operation": null } },
            "spec": { "template": { "metadata": { "annotations": earlier } } },
        }))
        .await;
        let fence = WriteGuard {
            fence: true,
            ..guard
        };
        stage.ask(&made.restart(fence)).await.unwrap();
        let never = WriteGuard {
            fence: true,
            ..operation(2)
        };
        let refused = stage.ask(&made.restart(never)).await.unwrap_err();
        assert_eq!(refused.code, FaultCode::Expired, "{refused}");
    }
}

pub async fn each_kind_has_the_changes_that_kubernetes_has_for_it(stage: &Stage) {
    for made in Made::all(stage, "changes").await {
        let target = || made.target.clone();
        let image = Image {
            target: target(),
            images: vec![ContainerImage {
                container: "main".parse().unwrap(),
                image: "db:2".parse().unwrap(),
            }],
            guard: operation(1),
        };
        let images = stage.ask(&image).await.unwrap().images;
        assert_eq!(images[0].image, "db:2");
        made.line(stage, |line| line.images == ["db:2", "side:1"])
            .await;

        let scale = Scale {
            target: target(),
            replicas: 3,
            current_replicas: Some(2),
            guard: operation(2),
        };
        match (made.target.kind, stage.ask(&scale).await) {
            (WorkloadKind::StatefulSet, Ok(scaled)) => {
                assert_eq!(scaled.replicas, 3);
                let all = |line: &WorkloadSummary| line.ready == 3 && line.updated == 3;
                made.line(stage, all).await;
            }
            (WorkloadKind::DaemonSet, Err(fault)) => {
                assert_eq!(fault.code, FaultCode::InvalidRequest);
                assert_eq!(fault.field.as_deref(), Some("kind"));
            }
            (kind, answer) => panic!("{kind}: {answer:?}"),
        }
        let pause = Pause {
            target: target(),
            guard: operation(3),
        };
        let fault = stage.ask(&pause).await.unwrap_err();
        assert_eq!(fault.code, FaultCode::InvalidRequest);
        assert!(fault.message.contains("only for a Deployment"), "{fault}");
    }
}

pub async fn pods_that_have_to_be_deleted_by_hand_are_said_and_are_no_trouble(stage: &Stage) {
    for made in Made::all(stage, "by-hand").await {
        made.patch(
            json!({ "spec": { "updateStrategy": { "type": "OnDelete", "rollingUpdate": null } } }),
        )
        .await;
        made.line(stage, |line| line.on_delete).await;
        stage.ask(&made.restart(operation(1))).await.unwrap();
        condition::met("what it waits for", PATIENCE, async || {
            let rollout = made.reaches(stage, RolloutState::Progressing).await;
            Ok(rollout.message.contains("deletes them").then_some(()))
        })
        .await
        .unwrap();
        let waits = |line: &WorkloadSummary| line.reason.is_some();
        let line = made.line(stage, waits).await;
        assert_eq!(line.health, Health::Healthy, "{line:?}");
    }
}

pub async fn the_log_of_each_kind_has_all_its_pods(stage: &Stage) {
    for made in Made::all(stage, "logs-of").await {
        let request = ReadLog {
            target: made.target.clone(),
            pod: None,
            container: None,
            tail: Some(1),
            since_seconds: None,
            until: None,
            previous: false,
            follow: false,
        };
        let reply = stage.ask(&request).await.unwrap();
        let bus_schema::verb::LogReply::Lines { containers, .. } = reply else {
            panic!("not the lines: {reply:?}");
        };
        let pods = made.line(stage, |_| true).await.replicas as usize;
        assert_eq!(containers.len(), 2 * pods);
    }
}
