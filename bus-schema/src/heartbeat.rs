//! Heartbeats of agents, and the aggregator's acknowledgement.

use std::collections::BTreeMap;
use std::fmt;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::timing::{FASTEST_HEARTBEAT, HEARTBEAT_EVERY, SLOWEST_HEARTBEAT};
use crate::{Health, NameError, StreamId};

/// One process of an agent: a new id at each start.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, max_length = 63))]
pub struct InstanceId(StreamId);

impl TryFrom<String> for InstanceId {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        StreamId::try_from(text).map(Self)
    }
}

impl From<InstanceId> for String {
    fn from(id: InstanceId) -> Self {
        id.0.into()
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Published on `agent.<name>.heartbeat` every [`HEARTBEAT_EVERY`] or at the interval that the acknowledgement sets, immediately after
/// connecting and on a roll call, and one last time before the agent stops. The reply subject is `cluster.<name>.clock.<instance>`. The
/// cluster's name is taken from the subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The sending process.
    pub instance: InstanceId,
    /// Whether the agent is running or about to stop.
    pub state: AgentState,
    /// Counts the heartbeats of this instance from 1.
    pub sequence: u64,
    /// The agent's clock when it sent this.
    pub sent_at: Timestamp,
    /// When the process started, by its own clock.
    pub started_at: Timestamp,
    /// The version of the agent's program.
    pub agent_version: String,
    /// The verbs that the agent supports.
    #[serde(default)]
    pub verbs: Vec<String>,
    /// Those of them that change something and are enabled; absent: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_verbs: Option<Vec<String>>,
    /// The uid of the namespace `kube-system`, which identifies the cluster; absent until it has been read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_uid: Option<String>,
    /// The version that the API server reports; absent until it has been read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// What the agent's cache holds; absent until it has been filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// What is wrong, as the agent sees it.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// Seconds until the next heartbeat, without the jitter; absent: [`HEARTBEAT_EVERY`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_seconds: Option<u64>,
    /// The round-trip time of the last heartbeat and its acknowledgement, in milliseconds: on a slow link, heartbeats are late although
    /// no clock is off. Absent until the first acknowledgement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_milliseconds: Option<u64>,
    /// The number of the sender's last change on `agent.<name>.workload`, 0 before the first; absent: the agent publishes no changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<u64>,
}

impl Heartbeat {
    /// The sender's heartbeat interval, from which presence is derived.
    #[must_use]
    pub fn every(&self) -> Duration {
        heartbeat_interval(self.every_seconds)
    }
}

/// Whether an agent is running or about to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// The agent is about to stop; this is its last heartbeat.
    Leaving,
    /// The agent answers requests (also any value that this version does not know).
    #[serde(other)]
    Up,
}

/// What a cluster holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Counts {
    /// Namespaces.
    pub namespaces: u64,
    /// Deployments in all namespaces.
    pub deployments: u64,
    /// StatefulSets in all namespaces.
    #[serde(default)]
    pub stateful_sets: u64,
    /// DaemonSets in all namespaces.
    #[serde(default)]
    pub daemon_sets: u64,
    /// Workloads of all these kinds by health; healths without any workload are left out.
    #[serde(default)]
    pub health: BTreeMap<Health, u64>,
}

/// Something that is wrong with a cluster or its agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Condition {
    /// The kind of problem.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// What is wrong and what to do about it, for people.
    pub message: String,
    /// Since when, by the clock of the program that detected it.
    pub since: Timestamp,
}

/// The kinds of [`Condition`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ConditionType {
    /// The agent cannot reach its API server.
    KubernetesUnreachable,
    /// The API server does not accept the agent's token.
    Unauthorized,
    /// The agent's RBAC lacks permissions that it needs.
    Forbidden,
    /// The agent's cache is not up to date.
    CacheStale,
    /// The agent's clock is off by more than [`crate::timing::CLOCK_SKEW_SHOWN`].
    ClockSkew,
    /// Two Kubernetes clusters claim this name.
    IdentityConflict,
    /// The agent violates the protocol.
    Misbehaving,
    /// A kind that this version does not know.
    #[serde(other)]
    Other,
}

/// The acknowledgement of a heartbeat, from which the agent learns how its clock differs from the aggregator's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatAck {
    /// The sequence number of the acknowledged heartbeat.
    pub sequence: u64,
    /// The aggregator's clock when it received it.
    pub received_at: Timestamp,
    /// The interval at which the agent should send heartbeats, in seconds; absent: [`HEARTBEAT_EVERY`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_seconds: Option<u64>,
}

impl HeartbeatAck {
    /// The requested heartbeat interval.
    #[must_use]
    pub fn every(&self) -> Duration {
        heartbeat_interval(self.every_seconds)
    }
}

fn heartbeat_interval(seconds: Option<u64>) -> Duration {
    let interval = seconds.map_or(HEARTBEAT_EVERY, Duration::from_secs);
    interval.clamp(FASTEST_HEARTBEAT, SLOWEST_HEARTBEAT)
}

/// The payload of `fleet.roll-call`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollCall {
    /// Agents spread their answers over this many milliseconds; 0: immediately.
    #[serde(default)]
    pub spread_milliseconds: u64,
}
