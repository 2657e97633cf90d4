//! The state that all requests share, and the context of one request.

use std::sync::Arc;
use std::time::Duration;

use bus_link::{Clock, Moment};
use bus_schema::{
    AgentState, AllowedVerbs, ClusterName, Fault, FaultCode, Heartbeat, InstanceId,
    verb::ClusterInfo,
};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::cache::Caches;
use crate::kubernetes::Kubernetes;
use crate::log::{Readers, Streams};
use crate::rollout_limit::RolloutLimit;

/// This process.
pub struct Agent {
    /// The cluster's name on the bus.
    pub cluster: ClusterName,
    /// A new one at each start.
    pub instance: InstanceId,
    /// When the process started.
    pub started_at: Timestamp,
    /// The API server.
    pub kubernetes: Kubernetes,
    /// The watch caches.
    pub caches: Arc<Caches>,
    /// Permits for reading logs.
    pub log_readers: Readers,
    /// The logs that are being followed.
    pub streams: Streams,
    /// The verbs that the agent supports.
    pub verbs: Vec<String>,
    /// The mutations that it carries out.
    pub allowed_verbs: AllowedVerbs,
    /// The limit on rollouts under way.
    pub rollout_limit: RolloutLimit,
    clock: Mutex<Clock>,
}

/// What the heartbeat task contributes to a heartbeat.
#[derive(Debug, Clone, Copy)]
pub struct HeartbeatInput {
    /// Whether the process is running or about to stop.
    pub state: AgentState,
    /// Its sequence number, counted from 1.
    pub sequence: u64,
    /// The interval until the next one.
    pub every: Duration,
    /// The round-trip time of the last acknowledgement.
    pub round_trip: Option<Duration>,
    /// Now, by this machine's clock.
    pub sent_at: Timestamp,
}

/// The requester, as the broker authenticates it by the subject of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Requester {
    /// An aggregator, which has its own limits for each user.
    Aggregator,
    /// Anyone else who may use the verb: people with the nats CLI.
    Person,
}

/// The context of a handler.
#[derive(Clone)]
pub struct Cx {
    /// The process.
    pub agent: Arc<Agent>,
    /// The requester.
    pub requester: Requester,
    /// The deadline of the reply.
    pub until: Instant,
}

impl Agent {
    /// The version of the program.
    pub const VERSION: &str = env!("CARGO_PKG_VERSION");

    /// A process that has just started.
    pub fn new(
        cluster: ClusterName,
        instance: InstanceId,
        kubernetes: Kubernetes,
        streams: Streams,
        verbs: Vec<String>,
        allowed_verbs: AllowedVerbs,
        rollout_limit: RolloutLimit,
    ) -> Self {
        Self {
            cluster,
            instance,
            started_at: Timestamp::now(),
            kubernetes,
            caches: Arc::default(),
            log_readers: Readers::default(),
            streams,
            verbs,
            allowed_verbs,
            rollout_limit,
            clock: Mutex::default(),
        }
    }

    /// Rejects, by its uid, a request meant for another cluster of the same name.
    ///
    /// # Errors
    /// Also if this cluster's uid has not been read yet.
    pub fn is_cluster(&self, meant: &str) -> Result<(), Fault> {
        same(meant, self.caches.cluster_uid().as_deref())
    }

    /// Refuses a mutation that the cluster is not enrolled for.
    ///
    /// # Errors
    /// [`FaultCode::VerbNotEnabled`]
    pub fn allows(&self, verb: &str) -> Result<(), Fault> {
        if self.allowed_verbs.allows(verb) {
            return Ok(());
        }
        let allowed = match self.allowed_verbs.to_string() {
            none if none.is_empty() => "nothing".to_owned(),
            allowed => allowed,
        };
        let message = format!(
            "\"{verb}\" is not enabled in {cluster}, only {allowed}; add it to the agent's --verbs (MCA_VERBS); nothing was done",
            cluster = self.cluster
        );
        Err(Fault::new(FaultCode::VerbNotEnabled, message))
    }

    /// The time by the bus's clock.
    pub fn now(&self) -> Timestamp {
        let clock = self.clock.lock();
        clock.at(Moment::now())
    }

    /// Updates the offset of the bus's clock from the acknowledgement of a heartbeat.
    pub fn observe_clock(&self, sent: Moment, theirs: Timestamp) {
        let mut clock = self.clock.lock();
        clock.observe(sent, theirs, Moment::now());
    }

    /// The reply to `info`.
    pub fn info(&self) -> ClusterInfo {
        ClusterInfo {
            cluster: self.cluster.clone(),
            instance: self.instance.clone(),
            started_at: self.started_at,
            agent_version: Self::VERSION.to_owned(),
            verbs: self.verbs.clone(),
            cluster_uid: self.caches.cluster_uid(),
            kubernetes_version: self.caches.kubernetes_version(),
            counts: self.caches.counts(),
            conditions: self.caches.conditions(),
        }
    }

    /// The next heartbeat.
    pub fn heartbeat(&self, input: HeartbeatInput) -> Heartbeat {
        Heartbeat {
            instance: self.instance.clone(),
            state: input.state,
            sequence: input.sequence,
            sent_at: input.sent_at,
            every_seconds: Some(input.every.as_secs()),
            round_trip_milliseconds: input
                .round_trip
                .map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            changes: Some(self.caches.changes.counted()),
            started_at: self.started_at,
            agent_version: Self::VERSION.to_owned(),
            verbs: self.verbs.clone(),
            allowed_verbs: Some(self.allowed_verbs.names().map(str::to_owned).collect()),
            cluster_uid: self.caches.cluster_uid(),
            kubernetes_version: self.caches.kubernetes_version(),
            counts: self.caches.counts(),
            conditions: self.caches.conditions(),
        }
    }
}

fn same(meant: &str, own: Option<&str>) -> Result<(), Fault> {
    match own {
        Some(own) if own == meant => Ok(()),
        Some(own) => Err(Fault::new(
            FaultCode::IdentityConflict,
            format!(
                "the request is for the cluster with uid {meant}, but this cluster's uid is {own}; nothing was done"
            ),
        )),
        None => Err(Fault::new(
            FaultCode::NotReady,
            "this cluster's uid has not been read yet; nothing was done",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_cluster_that_is_meant_may_write() {
        assert!(same("a", Some("a")).is_ok());
        let code = |own| same("a", own).unwrap_err().code;
        assert_eq!(code(Some("b")), FaultCode::IdentityConflict);
        assert_eq!(code(None), FaultCode::NotReady);
    }
}
