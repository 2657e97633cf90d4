//! The watch caches: a copy of the namespaces and workloads, reduced to what replies need and sorted in the order of replies.

mod changes;
mod freshness;
mod index;
mod link;
mod namespaces;
mod pods;
mod snapshot;
mod watch;
mod workloads;

use std::sync::Arc;

use bus_schema::{Condition, Counts, Fault, FaultCode, WorkloadKind};
use kube::Api;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use changes::Changes;
pub use freshness::Freshness;
pub use index::Index;
pub use namespaces::NamespaceEntry;
pub use snapshot::{Line, Snapshot};
pub use workloads::{Entry, Item, count, key, prefix, split};

use crate::kubernetes::{Kubernetes, NamespaceObject, ReceivedWorkload, WorkloadObject};

/// The caches of one cluster, and their freshness.
#[derive(Default)]
pub struct Caches {
    /// Workloads of all kinds by [`key`].
    pub workloads: Index<Entry>,
    /// Their freshness, by kind.
    freshness: [Freshness; WorkloadKind::ALL.len()],
    /// Namespaces by name.
    pub namespaces: Index<NamespaceEntry>,
    namespace_freshness: Freshness,
    /// Workloads that have changed since they were first read.
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
        for kind in WorkloadKind::ALL {
            let (caches, api) = (self.clone(), api.all_workloads(kind));
            let watch = async move { caches.watch_workloads(kind, api).await };
            tasks.spawn(stop.clone().run_until_cancelled_owned(watch));
        }
        let inspector = pods::PodInspector::run(self.clone(), api.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(inspector));
        let (caches, namespaces) = (self.clone(), api.namespaces());
        let watch = async move { caches.watch_namespaces(namespaces).await };
        tasks.spawn(stop.clone().run_until_cancelled_owned(watch));
        let (caches, kubernetes, ended) = (self.clone(), api.clone(), stop.clone());
        tasks.spawn(ended.run_until_cancelled_owned(async move {
            caches.link.probe(&kubernetes, &caches.heartbeat_due).await;
        }));
    }

    async fn watch_workloads(&self, kind: WorkloadKind, api: Api<ReceivedWorkload>) {
        let watch = watch::Watch {
            api,
            index: &self.workloads,
            freshness: &self.freshness[kind as usize],
            belongs: |key: &str| split(key).2 == kind,
            to_entry: |received| workloads::to_entry(&WorkloadObject::new(kind, received)),
            changed: |key| {
                self.changes.note(key);
                self.pod_inspector.wake();
            },
            heartbeat_due: &self.heartbeat_due,
        };
        watch.run().await;
    }

    async fn watch_namespaces(&self, api: Api<NamespaceObject>) {
        let watch = watch::Watch {
            api,
            index: &self.namespaces,
            freshness: &self.namespace_freshness,
            belongs: |_: &str| true,
            to_entry: |namespace| namespaces::to_entry(&namespace),
            changed: drop,
            heartbeat_due: &self.heartbeat_due,
        };
        watch.run().await;
    }

    /// A fault until all caches have been filled once. A kind other than deployments that the agent may not read is left out, which a
    /// condition says: it does not make the others useless.
    pub fn ready(&self) -> Result<(), Fault> {
        let mut needed = WorkloadKind::ALL
            .into_iter()
            .map(|kind| (kind, &self.freshness[kind as usize]))
            .filter(|(kind, freshness)| kind.is_default() || !freshness.is_refused())
            .map(|(kind, freshness)| (kind.plural(), freshness))
            .chain([("namespaces", &self.namespace_freshness)]);
        match needed.find(|(_, freshness)| !freshness.is_filled()) {
            None => Ok(()),
            Some((what, freshness)) => Err(not_read(what, freshness)),
        }
    }

    /// Whether the workloads of all kinds have been read, or may not be.
    fn are_workloads_filled(&self) -> bool {
        let mut all = self.freshness.iter();
        all.all(|freshness| freshness.is_filled() || freshness.is_refused())
    }

    /// A snapshot of all workloads, for callers that iterate over them.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.newest.of(&self.workloads)
    }

    /// For how many seconds the caches may have been out of date; `None` if they are fresh.
    pub fn stale_seconds(&self) -> Option<u64> {
        let watches = self.watches().filter(|freshness| !freshness.is_refused());
        let all = watches.chain([&self.link.freshness]);
        let oldest = all.filter_map(Freshness::stale_since).min()?;
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
        let ([deployments, stateful_sets, daemon_sets], health) =
            workloads::counts(&self.workloads);
        Some(Counts {
            namespaces: self.namespaces.len() as u64,
            deployments,
            stateful_sets,
            daemon_sets,
            health,
        })
    }

    /// What is wrong between the agent and its API server.
    pub fn conditions(&self) -> Vec<Condition> {
        freshness::conditions(&self.link.freshness, self.watches())
    }

    fn watches(&self) -> impl Iterator<Item = &Freshness> {
        self.freshness.iter().chain([&self.namespace_freshness])
    }
}

fn not_read(what: &str, freshness: &Freshness) -> Fault {
    let problem = freshness.problem();
    let why = problem.map_or_else(String::new, |problem| format!(": {problem}"));
    let message = format!("the cluster's {what} have not been read yet{why}");
    Fault::new(FaultCode::NotReady, message)
}
