//! Deployments for the tests, made by the cluster's administrator.

use bus_schema::verb::{GetRollout, ListPods, Restart, Rollout, RolloutState};
use bus_schema::{Namespace, OperationId, WorkloadName, WorkloadRef, WriteGuard};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Namespace as NamespaceObject, Pod};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use xtask::condition;

use crate::stage::{PATIENCE, Stage};

/// One deployment in its own namespace.
pub struct Target {
    pub namespace: Namespace,
    pub name: WorkloadName,
    admin: kube::Client,
    made: Timestamp,
}

impl Target {
    /// Two replicas of `image`, in a new namespace of this name.
    pub async fn create(stage: &Stage, namespace: &str, image: &str) -> Self {
        let api: Api<NamespaceObject> = Api::all(stage.admin.clone());
        let object = from(json!({ "metadata": { "name": namespace } }));
        api.create(&PostParams::default(), &object)
            .await
            .expect("a namespace");
        Self::create_in(stage, namespace, "my.app", image).await
    }

    pub async fn create_in(stage: &Stage, namespace: &str, name: &str, image: &str) -> Self {
        let labels = json!({ "app": name, "tier": "web" });
        let object = from(json!({
            "metadata": { "name": name, "labels": labels },
            "spec": {
                "replicas": 2,
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels },
                    "spec": {
                        "terminationGracePeriodSeconds": 1,
                        "containers": [{ "name": "web", "image": image }, { "name": "side", "image": "side:1" }],
                    },
                },
            },
        }));
        let api: Api<Deployment> = Api::namespaced(stage.admin.clone(), namespace);
        api.create(&PostParams::default(), &object)
            .await
            .expect("a deployment");
        Self {
            namespace: namespace.parse().expect("a namespace"),
            name: name.parse().expect("a name"),
            admin: stage.admin.clone(),
            made: Timestamp::now(),
        }
    }

    /// The same, rolled out.
    pub async fn rolled_out(stage: &Stage, namespace: &str) -> Self {
        let target = Self::create(stage, namespace, "web:1").await;
        target.reaches(stage, RolloutState::Complete).await;
        target
    }

    /// Waits until its rollout is in this state, and both pods exist if it is complete.
    pub async fn reaches(&self, stage: &Stage, state: RolloutState) -> Rollout {
        let what = format!("{}/{}: {state:?}", self.namespace, self.name);
        condition::met(&what, PATIENCE, async || {
            let rollout = stage.try_ask(&self.rollout()).await;
            Ok(rollout.filter(|rollout| rollout.state == state))
        })
        .await
        .expect("the rollout's state")
    }

    pub fn list_pods(&self) -> ListPods {
        ListPods {
            target: self.workload(),
            limit: None,
            next: None,
        }
    }

    pub fn rollout(&self) -> GetRollout {
        GetRollout {
            target: self.workload(),
        }
    }

    pub fn workload(&self) -> WorkloadRef {
        WorkloadRef::deployment(self.namespace.clone(), self.name.clone())
    }

    /// A restart as the aggregator sends it; the higher the number, the newer the operation.
    pub fn restart(&self, number: u32) -> Restart {
        Restart {
            target: self.workload(),
            guard: self.guard(number),
        }
    }

    /// The guard of an operation; the higher the number, the newer the operation.
    pub fn guard(&self, number: u32) -> WriteGuard {
        let time = self.made + SignedDuration::from_millis(number.into());
        WriteGuard {
            operation_id: Some(OperationId::at(time, 7)),
            ..WriteGuard::default()
        }
    }

    /// What `kubectl rollout undo --to-revision` does: template and annotations are those of that revision.
    pub async fn undo(&self, revision: &str) {
        let sets = self.api::<ReplicaSet>().list(&ListParams::default()).await;
        let key = "deployment.kubernetes.io/revision";
        let of_revision = |set: &ReplicaSet| {
            let annotations = set.metadata.annotations.as_ref();
            annotations
                .and_then(|all| all.get(key))
                .is_some_and(|is| is == revision)
        };
        let sets = sets.expect("ReplicaSets").items;
        let set = sets.into_iter().find(of_revision).expect("the revision");
        let mut deployment = self.read().await;
        let mut template = set.spec.and_then(|spec| spec.template).expect("a template");
        let labels = template
            .metadata
            .as_mut()
            .and_then(|all| all.labels.as_mut());
        labels.expect("labels").remove("pod-template-hash");
        deployment.spec.as_mut().expect("a spec").template = template;
        let mut annotations = set.metadata.annotations.unwrap_or_default();
        annotations.retain(|key, _| !key.starts_with("deployment.kubernetes.io/"));
        deployment.metadata.annotations = Some(annotations);
        // The controller sets it too.
        deployment.metadata.resource_version = None;
        let (api, params) = (self.api(), PostParams::default());
        let replaced = api.replace(self.name.as_str(), &params, &deployment);
        replaced.await.expect("an undone deployment");
    }

    /// Removes the ReplicaSets without pods.
    pub async fn forget_history(&self) {
        let api = self.api::<ReplicaSet>();
        for set in api.list(&ListParams::default()).await.expect("ReplicaSets") {
            if set.spec.as_ref().and_then(|spec| spec.replicas) == Some(0) {
                let name = set.metadata.name.expect("a name");
                api.delete(&name, &Default::default())
                    .await
                    .expect("a deleted ReplicaSet");
            }
        }
    }

    pub async fn patch(&self, patch: Value) {
        self.try_patch(patch).await.expect("a patched deployment");
    }

    pub async fn try_patch(&self, patch: Value) -> kube::Result<Deployment> {
        let (api, patch) = (self.api::<Deployment>(), Patch::Merge(patch));
        api.patch(self.name.as_str(), &PatchParams::default(), &patch)
            .await
    }

    /// A pod that the deployment's selector matches and that has no owner.
    pub async fn stray_pod(&self) {
        let pod: Pod = from(json!({
            "metadata": { "name": "stray", "labels": { "app": self.name, "tier": "web" } },
            "spec": { "containers": [{ "name": "web", "image": "web:1" }] },
        }));
        let created = self.api().create(&PostParams::default(), &pod).await;
        created.expect("a pod");
    }

    pub async fn delete(&self) {
        let api = self.api::<Deployment>();
        let deleted = api.delete(self.name.as_str(), &Default::default()).await;
        deleted.expect("a deleted deployment");
    }

    pub async fn read(&self) -> Deployment {
        self.api()
            .get(self.name.as_str())
            .await
            .expect("the deployment")
    }

    pub async fn replica_sets(&self) -> usize {
        let all = self.api::<ReplicaSet>().list(&ListParams::default()).await;
        all.expect("ReplicaSets").items.len()
    }

    /// The annotation `kubernetes.io/change-cause` of each revision, the oldest first.
    pub async fn causes(&self) -> Vec<Option<String>> {
        let all = self.api::<ReplicaSet>().list(&ListParams::default()).await;
        let sets = all.expect("ReplicaSets").items.into_iter();
        let mut annotations: Vec<_> = sets
            .map(|set| set.metadata.annotations.unwrap_or_default())
            .collect();
        annotations.sort_by_key(|all| all.get("deployment.kubernetes.io/revision").cloned());
        let causes = annotations.iter_mut();
        causes
            .map(|all| all.remove("kubernetes.io/change-cause"))
            .collect()
    }

    /// The uids of the pods that are not terminating.
    pub async fn pods(&self) -> Vec<String> {
        let all = self
            .api::<Pod>()
            .list(&ListParams::default())
            .await
            .expect("pods");
        let here = all
            .items
            .into_iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none());
        here.filter_map(|pod| pod.metadata.uid).collect()
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        Api::namespaced(self.admin.clone(), self.namespace.as_str())
    }
}

fn from<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("an object")
}
