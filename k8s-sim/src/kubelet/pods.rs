//! The pods of the node: unassigned pods are bound to it, run through their lifecycle, and are removed when they end.

use std::collections::HashSet;
use std::sync::Arc;

use futures::{StreamExt as _, pin_mut};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Binding, Event, ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use parking_lot::Mutex;
use serde_json::json;

use super::{is_ending, node};
use crate::clock::Clock;
use crate::controller::event::{self, Happening};
use crate::pod;

#[derive(Clone)]
struct Node {
    client: Client,
    clock: Clock,
    /// The uids of pods with a task, and of pods that are being removed.
    known: Arc<Mutex<HashSet<(String, bool)>>>,
}

pub async fn take_all(client: Client, clock: Clock) {
    let pods: Api<Pod> = Api::all(client.clone());
    let node = Node {
        client,
        clock,
        known: Arc::default(),
    };
    let events = watcher(pods, watcher::Config::default())
        .default_backoff()
        .touched_objects();
    pin_mut!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(pod) => node.see(pod),
            Err(error) => tracing::warn!(%error, "watching pods failed"),
        }
    }
}

impl Node {
    /// Starts the pod's tasks: one for its lifecycle and one for its termination.
    fn see(&self, pod: Pod) {
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let ending = is_ending(&pod);
        let mut known = self.known.lock();
        if known.insert((uid, ending)) {
            let node = self.clone();
            tokio::spawn(async move {
                let done = if ending {
                    node.end(pod).await
                } else {
                    node.run(pod).await
                };
                if let Err(error) = done {
                    // Usually a pod that was deleted in the meantime.
                    tracing::debug!(%error, "a pod's lifecycle task failed");
                }
            });
        }
    }

    async fn run(&self, mut pod: Pod) -> Result<(), kube::Error> {
        if !pod::is_assigned(&pod) {
            self.bind(&pod).await?;
        } else if pod
            .status
            .as_ref()
            .is_some_and(|s| s.container_statuses.is_some())
        {
            // Bound before this kubelet started.
            return Ok(());
        }
        loop {
            let step = pod::step(&mut pod, Timestamp::now());
            self.report(&pod, &step.happenings).await?;
            let Some(wait) = step.wait else {
                return Ok(());
            };
            tokio::time::sleep(self.clock.scale(wait)).await;
        }
    }

    async fn end(&self, mut pod: Pod) -> Result<(), kube::Error> {
        let happenings = pod::stop(&mut pod, Timestamp::now());
        if !happenings.is_empty() {
            self.report(&pod, &happenings).await?;
            tokio::time::sleep(self.clock.scale(pod::STOP)).await;
        }
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let at_once = DeleteParams::default().grace_period(0);
        self.api(&pod).delete(name, &at_once).await.map(drop)
    }

    async fn bind(&self, pod: &Pod) -> Result<(), kube::Error> {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let binding = Binding {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            target: ObjectReference {
                kind: Some("Node".to_owned()),
                name: Some(node::NAME.to_owned()),
                ..ObjectReference::default()
            },
        };
        let params = PostParams::default();
        let bound: Result<serde_json::Value, _> = self
            .api(pod)
            .create_subresource("binding", name, &params, &binding)
            .await;
        bound.map(drop)
    }

    async fn report(&self, pod: &Pod, happenings: &[pod::Happening]) -> Result<(), kube::Error> {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let meta = json!({ "uid": pod.metadata.uid });
        let status = json!({ "metadata": meta, "status": pod.status });
        let patch = Patch::Strategic(status);
        self.api(pod)
            .patch_status(name, &PatchParams::default(), &patch)
            .await?;
        for happening in happenings {
            self.record(pod, happening).await;
        }
        Ok(())
    }

    /// Records an event; a failure is ignored, since it is expected in a terminating namespace.
    async fn record(&self, pod: &Pod, happening: &pod::Happening) {
        let event = event::new(pod, Happening::of_container(happening), Timestamp::now());
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let events: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        if let Err(error) = events.create(&PostParams::default(), &event).await {
            tracing::debug!(%error, "an event was not recorded");
        }
    }

    fn api(&self, pod: &Pod) -> Api<Pod> {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        Api::namespaced(self.client.clone(), namespace)
    }
}
