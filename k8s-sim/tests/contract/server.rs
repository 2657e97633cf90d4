//! A server under test: a client, a separate namespace, and helpers for the contracts.

use std::path::PathBuf;
use std::time::Duration;

use http_body_util::BodyExt as _;
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_sim::kubelet::Kubelet;
use k8s_sim::{Cluster, Simulation};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::client::Body;
use kube::{Api, Client};
use serde_json::Value;
use xtask::condition;
use xtask::control_plane::ControlPlane;
use xtask::required::or_skip;

use crate::etcd;
use crate::fixtures::{deployment, is_rolled_out, revision};

/// Long enough for a real control plane that shares two cores with everything else.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Simulated {
    simulation: Simulation,
}

impl Simulated {
    pub async fn start() -> Self {
        let simulation = Simulation::builder().speed(10.0).start().await;
        Self {
            simulation: simulation.expect("a loopback port is free"),
        }
    }

    pub async fn server(&self) -> Server {
        let mut config = kube::Config::new(self.uri());
        // Contracts check single responses, so nothing is retried.
        config.default_retry = false;
        let client = Client::try_from(config).expect("a plain client needs no files");
        let history = History::Simulated(self.simulation.clusters()[0].clone());
        Server::with_own_namespace(client, history).await
    }

    fn uri(&self) -> http::Uri {
        let address = self.simulation.clusters()[0].address();
        let address = address.expect("the simulation listens");
        format!("http://{address}")
            .parse()
            .expect("an address makes a URI")
    }
}

pub struct Real {
    client: Client,
    _kubelet: Kubelet,
    control_plane: ControlPlane,
}

impl Real {
    pub async fn start() -> Option<Self> {
        // Another test may have created it first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let started = ControlPlane::start()
            .await
            .expect("the control plane starts");
        let control_plane = or_skip(started, "real Kubernetes API")?;
        let kubeconfig = kube::config::Kubeconfig::read_from(control_plane.admin_kubeconfig());
        let options = kube::config::KubeConfigOptions::default();
        let config =
            kube::Config::from_custom_kubeconfig(kubeconfig.expect("a kubeconfig"), &options);
        let mut config = config.await.expect("its kubeconfig is complete");
        config.default_retry = false;
        let client = Client::try_from(config).expect("its certificate authority is readable");
        let kubelet = Kubelet::start(client.clone())
            .await
            .expect("the node registers");
        Some(Self {
            client,
            _kubelet: kubelet,
            control_plane,
        })
    }

    pub async fn server(&self) -> Server {
        let kubeconfig = self.control_plane.admin_kubeconfig();
        let history = History::Etcd(kubeconfig.with_file_name("etcd.sock"));
        Server::with_own_namespace(self.client.clone(), history).await
    }
}

#[derive(Clone)]
pub struct Server {
    pub client: Client,
    pub namespace: String,
    history: History,
}

/// Where a server's history is stored.
#[derive(Clone)]
enum History {
    Simulated(Cluster),
    /// The socket of the etcd behind it.
    Etcd(PathBuf),
}

impl Server {
    async fn with_own_namespace(client: Client, history: History) -> Self {
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let mut namespace = Namespace::default();
        namespace.metadata.generate_name = Some("contract-".to_owned());
        let created = namespaces.create(&PostParams::default(), &namespace).await;
        let namespace = created.expect("a namespace can be created").metadata.name;
        Self {
            client,
            namespace: namespace.expect("a generated name"),
            history,
        }
    }

    /// Compacts the server's history up to now.
    pub async fn compact(&self) {
        match &self.history {
            History::Simulated(cluster) => cluster.compact(),
            History::Etcd(socket) => {
                let namespaces: Api<Namespace> = Api::all(self.client.clone());
                let latest = namespaces.list_metadata(&ListParams::default()).await;
                let latest = latest.expect("namespaces can be listed").metadata;
                let latest = latest.resource_version.unwrap_or_default();
                etcd::compact(socket, &latest).await;
            }
        }
    }

    pub fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub fn replica_sets(&self) -> Api<ReplicaSet> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates a deployment of this many pods with one container `app`, changed by `change`.
    pub async fn deploy(
        &self,
        name: &str,
        replicas: i32,
        change: impl FnOnce(&mut Value),
    ) -> Deployment {
        let mut body = deployment(name, replicas);
        change(&mut body);
        let deployment: Deployment = serde_json::from_value(body).expect("a deployment");
        let created = self
            .deployments()
            .create(&PostParams::default(), &deployment)
            .await;
        created.expect("the deployment can be created")
    }

    pub async fn patch(&self, name: &str, patch: Value) -> Deployment {
        let patch = Patch::Strategic(patch);
        let patched = self
            .deployments()
            .patch(name, &PatchParams::default(), &patch)
            .await;
        patched.expect("the patch is accepted")
    }

    pub async fn pods_of(&self, name: &str) -> Vec<Pod> {
        let selected = ListParams::default().labels(&format!("app={name}"));
        self.pods()
            .list(&selected)
            .await
            .expect("pods can be listed")
            .items
    }

    /// Oldest revision first.
    pub async fn sets_of(&self, name: &str) -> Vec<ReplicaSet> {
        let selected = ListParams::default().labels(&format!("app={name}"));
        let sets = self.replica_sets().list(&selected).await;
        let mut sets = sets.expect("ReplicaSets can be listed").items;
        sets.sort_by_key(revision);
        sets
    }

    /// Waits until the deployment matches `wanted`, and returns it.
    pub async fn until(
        &self,
        name: &str,
        what: &str,
        wanted: impl Fn(&Deployment) -> bool,
    ) -> Deployment {
        let found = self.eventually(what, async || {
            let deployment = self.deployments().get(name).await.ok()?;
            wanted(&deployment).then_some(deployment)
        });
        found.await
    }

    pub async fn rolled_out(&self, name: &str) -> Deployment {
        self.until(name, "a finished rollout", is_rolled_out).await
    }

    pub async fn eventually<T>(&self, what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
        let met = condition::met(what, PATIENCE, async || Ok(probe().await));
        met.await.expect("it comes to pass")
    }

    /// One raw request: the status code and the body.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: &str,
    ) -> (u16, Value) {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", media_type)
            .body(Body::from(body.as_bytes().to_vec()))
            .expect("a request");
        let response = self.client.send(request).await.expect("the server answers");
        let code = response.status().as_u16();
        let body = response
            .into_body()
            .collect()
            .await
            .expect("a whole body")
            .to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        (
            code,
            serde_json::from_slice(&body).unwrap_or(Value::String(text)),
        )
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.send("GET", path, "", "").await
    }

    /// `/apis/apps/v1/namespaces/<its namespace>/deployments` and what follows.
    pub fn path(&self, rest: &str) -> String {
        self.path_of("apps/v1", &format!("deployments{rest}"))
    }

    /// The path of a resource in a group and version, in its namespace.
    pub fn path_of(&self, group: &str, rest: &str) -> String {
        format!("/apis/{group}/namespaces/{}/{rest}", self.namespace)
    }

    /// Creates an object of the group `apps`, and returns it as stored.
    pub async fn create(&self, plural: &str, body: &Value) -> Value {
        let (path, body) = (self.path_of("apps/v1", plural), body.to_string());
        let (code, created) = self.send("POST", &path, "application/json", &body).await;
        assert_eq!(code, 201, "{created}");
        created
    }

    /// Sends a strategic merge patch to `plural/name` of the group `apps`.
    pub async fn patch_at(&self, rest: &str, patch: &Value) -> (u16, Value) {
        let path = self.path_of("apps/v1", rest);
        let strategic = "application/strategic-merge-patch+json";
        self.send("PATCH", &path, strategic, &patch.to_string())
            .await
    }

    /// Waits until the object at `plural/name` of the group `apps` matches `wanted`, and returns it.
    pub async fn until_at(&self, rest: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let path = self.path_of("apps/v1", rest);
        let found = self.eventually(what, async || {
            let (code, object) = self.get(&path).await;
            (code == 200 && wanted(&object)).then_some(object)
        });
        found.await
    }

    /// The ControllerRevisions of a workload, oldest first.
    pub async fn revisions_of(&self, name: &str) -> Vec<ControllerRevision> {
        let api: Api<ControllerRevision> = Api::namespaced(self.client.clone(), &self.namespace);
        let selected = ListParams::default().labels(&format!("app={name}"));
        let revisions = api.list(&selected).await;
        let mut revisions = revisions.expect("revisions can be listed").items;
        revisions.sort_by_key(|revision| revision.revision);
        revisions
    }
}
