//! The only way to a cluster. Who asks here is authorised first; what changes anything goes through the journal: audited, with a
//! deadline, and reconciled if its outcome is lost. A handler cannot skip any of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bus_schema::ClusterName;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use serde::Serialize;
use tokio::sync::watch::Sender;

use diagnostics::Metrics;
use diagnostics::{Problem, ProblemCode};
use identity::Principal;
use inventory::Inventory;
use journal::Journal;
use labels::FleetLabels;
use limits::Attempts;
use registry::{ClusterView, Moment, Registry};
use storage::bus::Bus;
use watch::{Event, Hub, Reader, View};

mod agent_messages;
mod answers;
mod ask;
mod bus_liveness;
mod change_limit;
mod changes;
mod exclusions;
mod fleet_deployment;
mod follow;
pub mod inventory;
pub mod journal;
mod keep;
mod label;
mod listen;
mod mutate;
mod presence;
mod query;
mod rate_limit;
mod record;
mod relay;
mod renewals;
mod text;
pub mod watch;

pub use agent_messages::AgentMessages;
pub use answers::hear_answers;
pub use ask::lacks_right;
pub use bus_liveness::watch_link;
pub use changes::{hear_changes, watch_time};
pub use fleet_deployment::FleetDeployment;
pub use follow::FollowedLog;
pub use keep::keep_inventory;
pub use label::{follow_labels, may_label, may_set_labels};
pub use listen::{Clusters, follow_forgotten, listen};
pub use mutate::Done;
pub use query::{
    AnswerCounts, AnswerState, ClusterAnswer, DeploymentGroup, DeploymentVersion, FleetGroups,
    FleetImage, FleetPage, FleetQuery, FleetTotals,
};
pub use relay::Relayed;

use answers::Answers;

/// The clusters, and the one way to reach them.
#[derive(Debug)]
pub struct Fleet {
    bus: Bus,
    /// For what agents send without being asked. A flood of it may make the broker cut this connection, and holds up no request.
    unasked: Bus,
    /// Whether the server answers requests.
    bus_answers: AtomicBool,
    journal: Journal,
    inventory: Inventory,
    clusters: Clusters,
    /// The same as in the registry, for those who must not wait for it.
    labels: Sender<Arc<FleetLabels>>,
    metrics: Metrics,
    registry: RwLock<Registry>,
    /// How much each user has changed.
    changes: Attempts,
    answers: Answers,
    answer_memory: query::MemoryBudget,
    /// Whoever changes the registry tells it what is new.
    watch: Arc<Hub>,
}

impl Fleet {
    /// A fleet of which nothing has been heard yet, over a connection for requests and one for what is sent unasked.
    #[must_use]
    pub fn new(
        (bus, unasked): (Bus, Bus),
        journal: Journal,
        inventory: Inventory,
        clusters: Clusters,
        metrics: Metrics,
    ) -> Self {
        Self {
            bus,
            unasked,
            bus_answers: AtomicBool::new(true),
            journal,
            inventory,
            clusters,
            labels: Sender::default(),
            metrics,
            registry: RwLock::default(),
            changes: Attempts::default(),
            answers: Answers::new(),
            answer_memory: query::MemoryBudget::of(query::ALL_ANSWERS_BYTES),
            watch: Arc::default(),
        }
    }

    /// The link to the agents.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// The journal of changes.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Whether agents are out of reach: the link to the bus is down, or nothing comes back on it.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        !self.bus.is_up() || !self.bus_answers.load(Ordering::Relaxed)
    }

    /// Waits until the writes that are under way have their outcome.
    pub async fn finish_writes(&self) {
        self.journal.finish().await;
    }

    /// Every cluster that the principal may see, by name.
    #[must_use]
    pub fn clusters(&self, principal: &Principal) -> Vec<ClusterView> {
        let (registry, now) = (self.registry(), Moment::now());
        registry
            .names()
            .filter(|name| principal.grants.sees(name))
            .filter_map(|name| {
                let view = registry.view(name, now)?;
                let whole = principal.grants.sees_all_of(name);
                Some(if whole { view } else { view.of_part() })
            })
            .collect()
    }

    /// What changes from now on, or behind the event of this id.
    #[must_use]
    pub fn watch(&self, view: View, last_id: Option<&[u8]>) -> Reader {
        self.watch.read(view, last_id)
    }

    /// Remembers, for people to see, that an agent of this cluster `what`.
    pub fn misbehaves(
        &self,
        cluster: &ClusterName,
        what: &str,
        error: Option<&dyn std::error::Error>,
    ) -> Problem {
        let news = self.change(cluster, |registry, now| {
            registry.misbehaves(cluster, what, now)
        });
        if news {
            let error = error.map(tracing::field::display);
            tracing::warn!(%cluster, error, "an agent {what}");
        }
        let detail = format!("an agent of {cluster} {what}");
        Problem::new(ProblemCode::AgentMisbehaves, detail)
    }

    /// Changes what is known of a cluster, and tells those who watch.
    fn change<T>(
        &self,
        cluster: &ClusterName,
        change: impl FnOnce(&mut Registry, Moment) -> T,
    ) -> T {
        let (mut registry, now) = (self.registry_mut(), Moment::now());
        let changed = change(&mut registry, now);
        registry.look(cluster, now, |news| self.watch.tell(Event::of(news)));
        changed
    }

    /// Forgets a cluster, and tells those who watch.
    fn forget(&self, cluster: &ClusterName) {
        let mut registry = self.registry_mut();
        if registry.forget(cluster, Moment::now()) {
            self.watch.tell(Event::forgotten(cluster.clone()));
        }
    }

    fn registry(&self) -> RwLockReadGuard<'_, Registry> {
        self.registry.read()
    }

    fn registry_mut(&self) -> RwLockWriteGuard<'_, Registry> {
        self.registry.write()
    }
}

/// The writing of a value that cannot fail for our own types.
fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
