//! Deployments for the tests, made by the cluster's administrator.

use bus_schema::verb::{GetRollout, ListPods, RestartDeployment, Rollout, RolloutState};
use bus_schema::{Guard, Namespace, WorkloadName};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Namespace as NamespaceObject, Pod};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use xtask::condition;

use crate::stage::{PATIENCE, Stage};

/// One deployment in a namespace of its own.
pub struct Target {
    pub namespace: Namespace,
    pub name: WorkloadName,
    admin: kube::Client,
}

impl Target {
    /// Two replicas of `image`, in the namespace of this name, which is made.
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
        }
    }

    /// The same, rolled out.
    pub async fn rolled_out(stage: &Stage, namespace: &str) -> Self {
        let target = Self::create(stage, namespace, "web:1").await;
        target.reaches(stage, RolloutState::Complete).await;
        target
    }

    /// Waits until its rollout is in this state, and both pods are there if it is complete.
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
            namespace: self.namespace.clone(),
            deployment_name: self.name.clone(),
            limit: None,
            next: None,
        }
    }

    pub fn rollout(&self) -> GetRollout {
        GetRollout {
            namespace: self.namespace.clone(),
            deployment_name: self.name.clone(),
        }
    }

    /// A restart as the aggregator orders it.
    pub fn restart(&self, time: &str) -> RestartDeployment {
        RestartDeployment {
            namespace: self.namespace.clone(),
            deployment_name: self.name.clone(),
            restarted_at: Some(time.parse().expect("a time")),
            guard: Guard::default(),
        }
    }

    pub async fn patch(&self, patch: Value) {
        let (api, patch) = (self.api::<Deployment>(), Patch::Merge(patch));
        let patched = api
            .patch(self.name.as_str(), &PatchParams::default(), &patch)
            .await;
        patched.expect("a patched deployment");
    }

    /// A pod that the deployment's selector selects and that is nobody's.
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

    /// The uids of the pods that are not going away.
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
