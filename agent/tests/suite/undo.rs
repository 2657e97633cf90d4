//! Revisions, and going back to one.

use bus_schema::verb::{ListRevisions, Revisions, RolloutState, Undo};
use bus_schema::{FaultCode, OperationId, WorkloadKind, WorkloadRef, WriteGuard};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};
use xtask::condition;

use crate::deployment::Target;
use crate::stage::{PATIENCE, Stage};

/// A workload of any kind in its own namespace.
pub struct Workload {
    pub workload: WorkloadRef,
    api: Api<DynamicObject>,
    made: Timestamp,
}

impl Workload {
    pub async fn create(stage: &Stage, kind: WorkloadKind, namespace: &str) -> Self {
        let api: Api<Namespace> = Api::all(stage.admin.clone());
        let object = json!({ "metadata": { "name": namespace } });
        let object = serde_json::from_value(object).expect("a namespace");
        let created = api.create(&PostParams::default(), &object).await;
        created.expect("a namespace");
        let gvk = GroupVersionKind::gvk("apps", "v1", kind.as_str());
        let resource = ApiResource::from_gvk(&gvk);
        let api = Api::namespaced_with(stage.admin.clone(), namespace, &resource);
        let labels = json!({ "app": "db" });
        let mut object = json!({
            "apiVersion": "apps/v1", "kind": kind,
            "metadata": { "name": "db", "annotations": { "example.com/first": "yes" } },
            "spec": {
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels, "annotations": { "example.com/a": "1" } },
                    "spec": {
                        "terminationGracePeriodSeconds": 1,
                        "containers": [
                            { "name": "db", "image": "db:1", "env": [{ "name": "A", "value": "1" }] },
                            { "name": "side", "image": "side:1" },
                        ],
                    },
                },
            },
        });
        if kind == WorkloadKind::StatefulSet {
            object["spec"]["serviceName"] = json!("db");
        }
        let object = serde_json::from_value(object).expect("a workload");
        let created = api.create(&PostParams::default(), &object).await;
        created.expect("a workload");
        Self {
            workload: WorkloadRef {
                namespace: namespace.parse().expect("a namespace"),
                kind,
                name: "db".parse().expect("a name"),
            },
            api,
            made: Timestamp::now(),
        }
    }

    /// Changes, adds and removes all sorts of things in the template, and an annotation of the workload.
    async fn change(&self) {
        let containers = json!([
            { "name": "db", "image": "db:2", "env": [{ "name": "B", "value": "2" }], "volumeMounts": [{ "name": "tmp", "mountPath": "/tmp" }] },
            { "name": "third", "image": "third:1" },
        ]);
        let template = json!({
            "metadata": { "labels": { "more": "x" }, "annotations": { "example.com/a": null, "example.com/b": "2" } },
            "spec": {
                "terminationGracePeriodSeconds": 2,
                "initContainers": [{ "name": "first", "image": "first:1" }],
                "containers": containers,
                "volumes": [{ "name": "tmp", "emptyDir": {} }],
                "nodeSelector": { "disk": "ssd" },
            },
        });
        let annotations = json!({ "example.com/first": null, "example.com/later": "yes" });
        self.patch(
            json!({ "metadata": { "annotations": annotations }, "spec": { "template": template } }),
        )
        .await;
    }

    async fn patch(&self, patch: Value) {
        let params = PatchParams::default();
        let patched = self.api.patch("db", &params, &Patch::Merge(patch)).await;
        patched.expect("a patched workload");
    }

    async fn read(&self) -> DynamicObject {
        self.api.get("db").await.expect("the workload")
    }

    pub async fn template(&self) -> Value {
        self.read().await.data["spec"]["template"].clone()
    }

    pub fn undo(&self, number: i64, to_revision: u64) -> Undo {
        let time = self.made + SignedDuration::from_millis(number);
        Undo {
            target: self.workload.clone(),
            to_revision,
            guard: WriteGuard {
                operation_id: Some(OperationId::at(time, 7)),
                reason: Some("bad release".parse().expect("a reason")),
                ..WriteGuard::default()
            },
        }
    }

    fn list(&self, templates: Vec<u64>) -> ListRevisions {
        ListRevisions {
            target: self.workload.clone(),
            templates,
        }
    }

    /// Waits until its controller has recorded its template as this revision.
    pub async fn has(&self, stage: &Stage, revision: u64) -> Revisions {
        let what = format!("revision {revision} of {}", self.workload);
        condition::met(&what, PATIENCE, async || {
            let revisions = stage.ask(&self.list(Vec::new())).await?;
            Ok((revisions.current() == Some(revision)).then_some(revisions))
        })
        .await
        .expect("the revision")
    }
}

pub async fn a_deployment_goes_back_to_exactly_what_it_was(stage: &Stage) {
    goes_back(stage, WorkloadKind::Deployment).await;
}

pub async fn a_stateful_set_goes_back_to_exactly_what_it_was(stage: &Stage) {
    goes_back(stage, WorkloadKind::StatefulSet).await;
}

pub async fn a_daemon_set_goes_back_to_exactly_what_it_was(stage: &Stage) {
    goes_back(stage, WorkloadKind::DaemonSet).await;
}

async fn goes_back(stage: &Stage, kind: WorkloadKind) {
    let namespace = format!("undo-{}", kind.plural());
    let workload = Workload::create(stage, kind, &namespace).await;
    workload.has(stage, 1).await;
    let first = workload.template().await;
    workload.change().await;
    workload.has(stage, 2).await;
    assert_ne!(workload.template().await, first);

    let undo = workload.undo(1, 1);
    let id = undo.guard.operation_id.clone().unwrap();
    let undone = stage.ask(&undo).await.unwrap();
    assert_eq!((undone.to_revision, undone.unchanged), (1, false));
    let images: Vec<_> = undone.images.iter().map(|now| &*now.image).collect();
    assert_eq!(images, ["db:1", "side:1"]);
    assert_eq!(workload.template().await, first);
    let annotations = workload.read().await.metadata.annotations.unwrap();
    assert_eq!(annotations["example.com/later"], "yes");
    // kubectl restores annotations of Deployments only.
    let restored = annotations.get("example.com/first").map(String::as_str);
    assert_eq!(
        restored,
        (kind == WorkloadKind::Deployment).then_some("yes")
    );

    let revisions = workload.has(stage, 3).await;
    let numbers: Vec<_> = revisions.items.iter().map(|item| item.revision).collect();
    assert_eq!(numbers, [3, 2], "a restored revision has a new number");
    assert_eq!(revisions.previous(), Some(2));
    let newest = &revisions.items[0];
    let cause = format!("undo: bad release (operation {id})");
    assert_eq!(newest.change_cause.as_deref(), Some(&*cause));
    assert_eq!(newest.operation_id.as_ref(), Some(&id));
    assert!(newest.created_at.is_some());
    let images: Vec<_> = revisions.items[1]
        .images
        .iter()
        .map(|now| &*now.image)
        .collect();
    assert_eq!(images, ["first:1", "db:2", "third:1"]);

    nothing_is_undone(stage, &workload).await;
}

/// Of a duplicate, of an undo to the present revision, to one that is gone, and of one that is late.
async fn nothing_is_undone(stage: &Stage, workload: &Workload) {
    let before = workload.template().await;
    let undo = workload.undo(1, 1);
    let again = stage.ask(&undo).await.unwrap();
    assert!(!again.unchanged);
    let mut fence = undo.clone();
    fence.guard.fence = true;
    assert_eq!(stage.ask(&fence).await.unwrap(), again);

    let present = stage.ask(&workload.undo(2, 3)).await.unwrap();
    assert!(present.unchanged);
    let unknown = stage.ask(&workload.undo(3, 1)).await.unwrap_err();
    assert_eq!(unknown.code, FaultCode::NotFound);
    assert_eq!(unknown.field.as_deref(), Some("to_revision"));
    let expected = "no revision 1; the cluster has 3, 2";
    assert!(unknown.message.contains(expected), "{unknown}");
    let late = stage.ask(&workload.undo(0, 2)).await.unwrap_err();
    assert_eq!(late.code, FaultCode::Superseded);
    assert_eq!(workload.template().await, before);
    let revisions = workload.has(stage, 3).await;
    assert_eq!(revisions.items.len(), 2);
}

pub async fn a_paused_deployment_is_not_undone(stage: &Stage) {
    let target = Target::rolled_out(stage, "undo-paused").await;
    stage.ask(&target.restart(1)).await.unwrap();
    target.reaches(stage, RolloutState::Complete).await;
    target.patch(json!({ "spec": { "paused": true } })).await;
    let before = target.read().await;
    let undo = |to_revision| Undo {
        target: target.workload(),
        to_revision,
        guard: target.guard(2),
    };
    // As kubectl: an unknown revision is named first, and the present one is refused, too.
    let unknown = stage.ask(&undo(9)).await.unwrap_err();
    assert_eq!(unknown.code, FaultCode::NotFound);
    for revision in [1, 2] {
        let refused = stage.ask(&undo(revision)).await.unwrap_err();
        assert_eq!(refused.code, FaultCode::Paused);
    }
    let after = target.read().await;
    assert_eq!(after.metadata.generation, before.metadata.generation);
    target.patch(json!({ "spec": { "paused": false } })).await;
    assert!(!stage.ask(&undo(1)).await.unwrap().unchanged);
    let refused = stage
        .ask_text::<Undo>(
            r#"{"namespace":"undo-paused","deployment_name":"my.app","to_revision":0}"#,
        )
        .await;
    assert_eq!(refused.unwrap_err().code, FaultCode::InvalidRequest);
}

pub async fn an_undo_of_what_was_applied_warns(stage: &Stage) {
    let workload = Workload::create(stage, WorkloadKind::Deployment, "undo-applied").await;
    workload.has(stage, 1).await;
    workload.change().await;
    workload.has(stage, 2).await;
    let containers = json!([{ "name": "db", "image": "db:2" }]);
    let applied = json!({ "spec": { "template": { "spec": { "containers": containers } } } });
    let annotation = "kubectl.kubernetes.io/last-applied-configuration";
    let annotations = json!({ annotation: applied.to_string() });
    workload
        .patch(json!({ "metadata": { "annotations": annotations } }))
        .await;
    let undone = stage.ask(&workload.undo(1, 1)).await.unwrap();
    let [warning] = &*undone.warnings else {
        panic!("one warning: {undone:?}");
    };
    assert!(
        warning.contains("spec.template.spec.containers[db].image"),
        "{warning}"
    );
    let annotations = workload.read().await.metadata.annotations.unwrap();
    assert_eq!(annotations[annotation], applied.to_string());
    workload.has(stage, 3).await;
    // Back to what was applied.
    let undone = stage.ask(&workload.undo(2, 2)).await.unwrap();
    assert_eq!(undone.warnings, Vec::<String>::new());
}

pub async fn templates_are_listed_without_their_secrets(stage: &Stage) {
    let workload = Workload::create(stage, WorkloadKind::Deployment, "undo-secrets").await;
    workload.has(stage, 1).await;
    let env = json!([{ "name": "DB_PASSWORD", "value": "hunter2" }, { "name": "LEVEL", "value": "debug" }]);
    let containers = json!([{ "name": "db", "image": "db:1", "env": env }]);
    workload
        .patch(json!({ "spec": { "template": { "spec": { "containers": containers } } } }))
        .await;
    workload.has(stage, 2).await;
    let revisions = stage.ask(&workload.list(vec![2])).await.unwrap();
    assert_eq!(revisions.items[1].template, None);
    let template = revisions.items[0].template.as_ref().unwrap();
    let labels = template["metadata"]["labels"].as_object().unwrap();
    assert!(!labels.contains_key("pod-template-hash"), "{labels:?}");
    let env = &template["spec"]["containers"][0]["env"];
    let expected = json!([{ "name": "DB_PASSWORD", "value": "<hidden 1>" }, { "name": "LEVEL", "value": "debug" }]);
    assert_eq!(env, &expected);

    let unknown = stage.ask(&workload.list(vec![2, 7])).await.unwrap_err();
    assert_eq!(unknown.code, FaultCode::NotFound);
    assert_eq!(unknown.field.as_deref(), Some("templates"));
    let many = stage.ask(&workload.list(vec![1, 2, 2])).await.unwrap_err();
    assert_eq!(many.code, FaultCode::InvalidRequest);
}
