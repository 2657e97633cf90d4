//! The only way to a cluster. Who asks here is authorised first; what changes anything goes through the journal: audited, with a
//! deadline, and reconciled if its outcome is lost. A handler cannot skip any of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bus_schema::ClusterName;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use serde::Serialize;
use tokio::sync::watch;

use crate::enrolment::{Enrolment, Invitations};
use crate::inventory::Inventory;
use crate::journal::Journal;
use crate::watch::{Event, Hub, Reader, View};
use diagnostics::Metrics;
use diagnostics::{Problem, ProblemCode};
use identity::Principal;
use labels::FleetLabels;
use limits::Attempts;
use registry::{ClusterView, Moment, Presence, Registry};
use storage::bus::Bus;

mod agent_messages;
mod answers;
mod ask;
mod bus_liveness;
mod change_limit;
mod changes;
mod enroll;
mod exclusions;
mod follow;
mod invite;
mod keep;
mod label;
mod listen;
mod mutate;
mod presence;
mod query;
mod rate_limit;
mod relay;
mod renew;
mod text;

pub use answers::hear_answers;
pub use bus_liveness::watch_link;
pub use changes::{hear_changes, watch_time};
pub use follow::FollowedLog;
pub use keep::keep_inventory;
pub use label::{follow_labels, may_label};
pub use listen::{Clusters, follow_forgotten, listen};
pub use mutate::Done;
pub use presence::watch_presence;
pub use query::{
    AnswerCounts, AnswerState, ClusterAnswer, DeploymentGroup, DeploymentVersion, FleetGroups,
    FleetImage, FleetPage, FleetQuery, FleetTotals,
};
pub use relay::Relayed;
pub use renew::renew_credentials;

use answers::Answers;
use enroll::Doorkeeper;

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
    labels: watch::Sender<Arc<FleetLabels>>,
    metrics: Metrics,
    registry: RwLock<Registry>,
    /// How much each user has changed.
    changes: Attempts,
    answers: Answers,
    answer_memory: query::MemoryBudget,
    /// Whoever changes the registry tells it what is new.
    watch: Arc<Hub>,
    /// None where clusters can neither be let in nor revoked.
    doorkeeper: Option<Doorkeeper>,
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
            labels: watch::Sender::default(),
            metrics,
            registry: RwLock::default(),
            changes: Attempts::default(),
            answers: Answers::new(),
            answer_memory: query::MemoryBudget::of(query::ALL_ANSWERS_BYTES),
            watch: Arc::default(),
            doorkeeper: None,
        }
    }

    /// The same, able to let clusters in and to lock them out.
    #[must_use]
    pub fn with_enrolment(self, enrolment: Enrolment, invitations: Invitations) -> Self {
        let doorkeeper = Some(Doorkeeper {
            enrolment,
            invitations,
        });
        Self { doorkeeper, ..self }
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

    /// How many clusters there are of each presence.
    #[must_use]
    pub fn count_by_presence(&self) -> [(&'static str, i64); 3] {
        let mut counts = [Presence::Online, Presence::Stale, Presence::Offline].map(|p| (p, 0));
        let (registry, now) = (self.registry(), Moment::now());
        for presence in registry
            .names()
            .filter_map(|name| registry.presence(name, now))
        {
            for (of, count) in &mut counts {
                *count += i64::from(*of == presence);
            }
        }
        counts.map(|(presence, count)| (presence.word(), count))
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
    fn misbehaves(
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
