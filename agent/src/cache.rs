//! The watch caches: a copy of the namespaces and deployments, reduced to what replies need and sorted in the order of replies.

mod changes;
mod deployments;
mod freshness;
mod index;
mod link;
mod namespaces;
mod pods;
mod snapshot;
mod watch;

use std::sync::Arc;

use bus_schema::{Condition, Counts, Fault, FaultCode};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use changes::Changes;
pub use deployments::{Entry, Item, count, key, prefix, split};
pub use freshness::Freshness;
pub use index::Index;
pub use namespaces::NamespaceEntry;
pub use snapshot::{Line, Snapshot};

use crate::kubernetes::Kubernetes;

/// The caches of one cluster, and their freshness.
#[derive(Default)]
pub struct Caches {
    /// Deployments by [`key`].
    pub deployments: Index<Entry>,
    /// Namespaces by name.
    pub namespaces: Index<NamespaceEntry>,
    /// Deployments that have changed since they were first read.
    pub changes: Changes,
    pod_inspector: pods::PodInspector,
    newest: snapshot::Newest,
    link: link::Link,
    /// Notified on a change that the next heartbeat should report immediately.
    pub heartbeat_due: Notify,
}

impl Caches {
    /// Keeps the caches up to date until `stop`.
    pub fn spawn(
        self: &Arc<Self>,
        api: &Kubernetes,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        let (caches, kubernetes, ended) = (self.clone(), api.clone(), stop.clone());
        tasks.spawn(ended.run_until_cancelled_owned(async move {
            let api = kubernetes.all_deployments();
            watch::run(
                &caches.deployments,
                api,
                deployments::to_entry,
                &caches.heartbeat_due,
                |key| {
                    caches.changes.note(key);
                    caches.pod_inspector.wake();
                },
            )
            .await;
        }));
        let inspector = pods::PodInspector::run(self.clone(), api.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(inspector));
        let (caches, kubernetes, ended) = (self.clone(), api.clone(), stop.clone());
        tasks.spawn(ended.run_until_cancelled_owned(async move {
            let api = kubernetes.namespaces();
            watch::run(
                &caches.namespaces,
                api,
                namespaces::to_entry,
                &caches.heartbeat_due,
                drop,
            )
            .await;
        }));
        let (caches, kubernetes, ended) = (self.clone(), api.clone(), stop.clone());
        tasks.spawn(ended.run_until_cancelled_owned(async move {
            caches.link.probe(&kubernetes, &caches.heartbeat_due).await;
        }));
    }

    /// A fault until both caches have been filled once.
    pub fn ready(&self) -> Result<(), Fault> {
        let unfilled = [
            ("deployments", &self.deployments.freshness),
            ("namespaces", &self.namespaces.freshness),
        ];
        match unfilled
            .iter()
            .find(|(_, freshness)| !freshness.is_filled())
        {
            None => Ok(()),
            Some((what, freshness)) => {
                let why = freshness
                    .problem()
                    .map_or_else(String::new, |p| format!(": {p}"));
                let message = format!("the cluster's {what} have not been read yet{why}");
                Err(Fault::new(FaultCode::NotReady, message))
            }
        }
    }

    /// A snapshot of all deployments, for callers that iterate over them.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.newest.of(&self.deployments)
    }

    /// For how many seconds the caches may have been out of date; `None` if they are fresh.
    pub fn stale_seconds(&self) -> Option<u64> {
        let since = [
            self.deployments.freshness.stale_since(),
            self.namespaces.freshness.stale_since(),
            self.link.freshness.stale_since(),
        ];
        let oldest = since.into_iter().flatten().min()?;
        Some(Instant::now().duration_since(oldest).as_secs())
    }

    /// The cluster's uid, once it has been read.
    pub fn cluster_uid(&self) -> Option<String> {
        namespaces::cluster_uid(&self.namespaces)
    }

    /// The API server's version, once it has been read.
    pub fn kubernetes_version(&self) -> Option<String> {
        self.link.version()
    }

    /// What the caches hold, once they have been filled.
    pub fn counts(&self) -> Option<Counts> {
        self.ready().ok()?;
        Some(Counts {
            namespaces: self.namespaces.len() as u64,
            deployments: self.deployments.len() as u64,
            health: deployments::by_health(&self.deployments),
        })
    }

    /// What is wrong between the agent and its API server.
    pub fn conditions(&self) -> Vec<Condition> {
        freshness::conditions(
            &self.link.freshness,
            &[&self.deployments.freshness, &self.namespaces.freshness],
        )
    }
}
