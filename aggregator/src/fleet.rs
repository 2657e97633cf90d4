//! The only road to a cluster. Whoever asks here is authorised first; what changes anything is audited, given a deadline, and
//! settled if its outcome is lost. A handler cannot skip any of it.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use bus_link::encoding;
use bus_schema::{ClusterName, Request, Right, subject};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::task::TaskTracker;

use crate::actor::Actor;
use crate::audit::Audit;
use crate::bus::{Bus, BusError};
use crate::enrolment::{Enrolment, Invitations};
use crate::inventory::Inventory;
use crate::metrics::Metrics;
use crate::operations::Operations;
use crate::problem::{Problem, ProblemCode};
use crate::registry::{ClusterView, Moment, Presence, Registry};
use crate::watch::{Event, Hub, Reader, View};

mod answers;
mod changes;
mod enroll;
mod follow;
mod hearing;
mod invite;
mod keep;
mod listen;
mod order;
mod presence;
mod relay;
mod restart_time;
mod settle;
mod survey;
mod text;
mod unbegun;

pub use answers::hear_answers;
pub use changes::{hear_changes, watch_time};
pub use follow::FollowedLog;
pub use hearing::watch_link;
pub use keep::keep_inventory;
pub use listen::{Clusters, follow_forgotten, listen};
pub(crate) use order::mint;
pub use order::{Done, RequestId};
pub use presence::watch_presence;
pub use relay::Relayed;
pub use settle::settle;
pub use survey::{
    AnswerCounts, AnswerState, ClusterAnswer, FleetDeployment, FleetImage, FleetPage, FleetQuery,
    FleetTotals,
};

use answers::Answers;
use enroll::Doorkeeper;
use restart_time::RestartTimes;
use unbegun::Unbegun;

/// The clusters, and the one way to reach them.
#[derive(Debug)]
pub struct Fleet {
    bus: Bus,
    audit: Audit,
    operations: Operations,
    inventory: Inventory,
    metrics: Metrics,
    registry: RwLock<Registry>,
    restart_times: RestartTimes,
    unbegun: Unbegun,
    answers: Answers,
    answer_room: survey::Room,
    /// Whoever changes the registry tells it what is new.
    watch: Arc<Hub>,
    /// None where clusters can neither be let in nor locked out.
    doorkeeper: Option<Doorkeeper>,
    /// Writes that are under way; awaited before the program ends.
    writes: TaskTracker,
}

impl Fleet {
    /// A fleet of which nothing has been heard yet.
    #[must_use]
    pub fn new(
        bus: Bus,
        audit: Audit,
        operations: Operations,
        inventory: Inventory,
        metrics: Metrics,
    ) -> Self {
        Self {
            bus,
            audit,
            operations,
            inventory,
            metrics,
            registry: RwLock::default(),
            restart_times: RestartTimes::default(),
            unbegun: Unbegun::default(),
            answers: Answers::new(),
            answer_room: survey::Room::of(survey::ALL_ANSWERS_BYTES),
            watch: Arc::default(),
            doorkeeper: None,
            writes: TaskTracker::new(),
        }
    }

    /// The same, able to let clusters in and to lock them out.
    #[must_use]
    pub fn with_enrolment(
        self,
        (enrolment, invitations): (Enrolment, Invitations),
        clusters: Clusters,
    ) -> Self {
        let doorkeeper = Some(Doorkeeper {
            enrolment,
            invitations,
            clusters,
        });
        Self { doorkeeper, ..self }
    }

    /// The link to the agents.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Whether agents are out of reach: the link to the bus is down, or nothing comes back on it.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        !self.bus.is_up() || !self.registry().hears()
    }

    /// Waits until the writes that are under way have their outcome.
    pub async fn finish_writes(&self) {
        self.writes.close();
        self.writes.wait().await;
    }

    /// Whether each cluster is heard, without its name.
    #[must_use]
    pub fn presences(&self) -> Vec<Presence> {
        let (registry, now) = (self.registry(), Moment::now());
        let presences = registry
            .names()
            .filter_map(|name| registry.presence(name, now));
        presences.collect()
    }

    /// Every cluster that the actor may see, by name.
    #[must_use]
    pub fn clusters(&self, actor: &Actor) -> Vec<ClusterView> {
        let (registry, now) = (self.registry(), Moment::now());
        registry
            .names()
            .filter(|name| actor.grants.sees(name))
            .filter_map(|name| registry.view(name, now))
            .collect()
    }

    /// What changes from now on, or behind the event of this id.
    ///
    /// # Errors
    /// When too many watch.
    pub fn watch(&self, view: View, last_id: Option<&[u8]>) -> Result<Reader, Problem> {
        self.watch.read(view, last_id)
    }

    /// Asks a cluster for what changes nothing.
    ///
    /// # Errors
    /// What the actor may not see is [`ProblemCode::ClusterUnknown`] or [`ProblemCode::NotFound`], as if it did not exist.
    pub async fn ask<R: Request>(
        &self,
        actor: &Actor,
        cluster: &ClusterName,
        request: &R,
    ) -> Result<R::Reply, Problem> {
        let reply = self.ask_for_bytes(actor, cluster, request).await?;
        read_reply(&reply).map_err(|error| self.of_read(error, cluster))
    }

    async fn ask_for_bytes<R: Request>(
        &self,
        actor: &Actor,
        cluster: &ClusterName,
        request: &R,
    ) -> Result<Bytes, Problem> {
        self.authorise(actor, cluster, request)?;
        if self.is_cut_off() {
            return Err(bus_unavailable());
        }
        if self.registry().presence(cluster, Moment::now()) == Some(Presence::Offline) {
            return Err(offline(cluster));
        }
        self.send_for_bytes(cluster, request, R::TIMEOUT)
            .await
            .map_err(|error| self.of_read(error, cluster))
    }

    /// The one place where it is decided whether the actor may use this verb there.
    fn authorise<R: Request>(
        &self,
        actor: &Actor,
        cluster: &ClusterName,
        request: &R,
    ) -> Result<(), Problem> {
        let (grants, namespace) = (&actor.grants, request.namespace());
        if !grants.sees(cluster) || self.registry().presence(cluster, Moment::now()).is_none() {
            return Err(Problem::new(
                ProblemCode::ClusterUnknown,
                format!(
                    "there is no cluster \"{cluster}\" that you may see; GET /clusters lists them"
                ),
            ));
        }
        if grants.may(R::RIGHT, cluster, namespace) {
            return self.knows(cluster, R::VERB);
        }
        if let Some(namespace) =
            namespace.filter(|namespace| !grants.may(Right::Read, cluster, Some(namespace)))
        {
            return Err(Problem::new(
                ProblemCode::NotFound,
                format!("there is no namespace \"{namespace}\" in {cluster} that you may see"),
            ));
        }
        Err(Problem::new(
            ProblemCode::Forbidden,
            format!(
                "your grants on {cluster} lack the right \"{}\"; GET /me lists them",
                right_name(R::RIGHT)
            ),
        ))
    }

    /// An older agent is not asked for what it does not answer: nobody would listen, as if it were offline.
    fn knows(&self, cluster: &ClusterName, verb: &str) -> Result<(), Problem> {
        if self.registry().answers(cluster, verb) {
            return Ok(());
        }
        Err(Problem::new(
            ProblemCode::AgentTooOld,
            format!("the agent of {cluster} does not know \"{verb}\"; update it"),
        ))
    }

    async fn send<R: Request>(
        &self,
        cluster: &ClusterName,
        request: &R,
        within: Duration,
    ) -> Result<R::Reply, SendError> {
        read_reply(&self.send_for_bytes(cluster, request, within).await?)
    }

    async fn send_for_bytes<R: Request>(
        &self,
        cluster: &ClusterName,
        request: &R,
        within: Duration,
    ) -> Result<Bytes, SendError> {
        let payload = serde_json::to_vec(request).map_err(SendError::Unwritable)?;
        let subject = subject::request(cluster, R::VERB);
        let reply = self.bus.request(subject, payload.into(), within).await;
        let outcome = reply.as_ref().map_or_else(BusError::word, |_| "answered");
        self.metrics.asked(R::VERB, outcome);
        let reply = reply?;
        encoding::unpack(reply.payload, reply.headers.as_ref())
            .map_err(|error| SendError::Unreadable(error.into()))
    }

    /// A read that failed: whatever happened, it may simply be asked again.
    fn of_read(&self, error: SendError, cluster: &ClusterName) -> Problem {
        match error {
            SendError::Unwritable(_) => {
                Problem::new(ProblemCode::Internal, "the request cannot be written")
            }
            SendError::Unreadable(error) => self.misbehaves(cluster, NO_REPLY, Some(&*error)),
            SendError::Bus(BusError::Unavailable) => bus_unavailable(),
            SendError::Bus(BusError::NoResponders) => offline(cluster),
            SendError::Bus(BusError::TimedOut) => Problem::new(
                ProblemCode::ClusterTimeout,
                format!("the agent of {cluster} did not answer in time"),
            ),
            SendError::Bus(BusError::Fault(fault)) => fault.into(),
        }
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
        self.registry.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn registry_mut(&self) -> RwLockWriteGuard<'_, Registry> {
        self.registry
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

const NO_REPLY: &str = "answered with what is not a reply";

/// Why a request to a cluster has no reply.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("the request cannot be written")]
    Unwritable(#[source] serde_json::Error),
    #[error("the reply cannot be read")]
    Unreadable(#[source] Cause),
    #[error(transparent)]
    Bus(#[from] BusError),
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

fn read_reply<T: DeserializeOwned>(payload: &[u8]) -> Result<T, SendError> {
    serde_json::from_slice(payload).map_err(|error| SendError::Unreadable(error.into()))
}

fn right_name(right: Right) -> String {
    let json = serde_json::to_value(right).ok();
    json.as_ref()
        .and_then(|value| value.as_str())
        .unwrap_or_default()
        .to_owned()
}

fn offline(cluster: &ClusterName) -> Problem {
    Problem::new(
        ProblemCode::ClusterOffline,
        format!("no agent of {cluster} listens; see its last heartbeat in GET /clusters"),
    )
}

fn bus_unavailable() -> Problem {
    Problem::new(
        ProblemCode::BusUnavailable,
        "the aggregator is cut off from the bus; nothing was sent",
    )
}

/// The writing of a value that cannot fail for our own types.
fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
