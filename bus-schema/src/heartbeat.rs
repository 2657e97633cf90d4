//! How agents say that they live, and what the aggregator answers.

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

/// Published on `agent.<name>.heartbeat` every [`HEARTBEAT_EVERY`], or at the pace that its answer asks for, at once on connecting and on a roll call, and
/// a last time on leaving. Its reply subject is `cluster.<name>.clock.<instance>`. The cluster's name is the subject's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The sending process.
    pub instance: InstanceId,
    /// Whether it stays.
    pub state: AgentState,
    /// Counts the heartbeats of this instance from 1.
    pub sequence: u64,
    /// The agent's clock when it sent this.
    pub sent_at: Timestamp,
    /// When the process started, by its own clock.
    pub started_at: Timestamp,
    /// The version of the agent's program.
    pub agent_version: String,
    /// The verbs that it answers.
    #[serde(default)]
    pub verbs: Vec<String>,
    /// The uid of the namespace `kube-system`, which is the cluster's identity; absent until it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_uid: Option<String>,
    /// The version that the API server reports; absent until it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// What the agent's cache holds; absent until it was filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// What is wrong, as the agent sees it.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// In how many seconds the next one follows, give or take the jitter; absent: [`HEARTBEAT_EVERY`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_seconds: Option<u64>,
    /// How long the last answer to a heartbeat took to come, in milliseconds: on a slow line, heartbeats are late without a clock being
    /// off. Absent until one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_milliseconds: Option<u64>,
    /// The number of the sender's last change on `agent.<name>.deployment`, 0 before the first; absent: it tells of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<u64>,
}

impl Heartbeat {
    /// The sender's pace: what its silence is measured by.
    #[must_use]
    pub fn every(&self) -> Duration {
        pace(self.every_seconds)
    }
}

/// Whether an agent stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// It is about to stop: its last heartbeat.
    Leaving,
    /// It answers requests (also any value that this version does not know).
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
    /// Deployments by health; a health that none has is left out.
    #[serde(default)]
    pub health: BTreeMap<Health, u64>,
}

/// Something that is wrong with a cluster or its agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Condition {
    /// What kind of thing.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// What is wrong and what to do about it, for people.
    pub message: String,
    /// Since when, by the clock of the program that noticed it.
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
    /// The agent's RBAC forbids what it needs.
    Forbidden,
    /// The agent's cache is not up to date.
    CacheStale,
    /// The agent's clock is off by more than [`crate::timing::CLOCK_SKEW_SHOWN`].
    ClockSkew,
    /// Two Kubernetes clusters claim this name.
    IdentityConflict,
    /// The agent sends what it should not.
    Misbehaving,
    /// A kind that this version does not know.
    #[serde(other)]
    Other,
}

/// The answer to a heartbeat, from which the agent learns how its clock differs from the aggregator's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatAck {
    /// Which heartbeat is answered.
    pub sequence: u64,
    /// The aggregator's clock when it received it.
    pub received_at: Timestamp,
    /// How many seconds the agent should let pass between heartbeats; absent: [`HEARTBEAT_EVERY`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_seconds: Option<u64>,
}

impl HeartbeatAck {
    /// The pace that is asked for.
    #[must_use]
    pub fn every(&self) -> Duration {
        pace(self.every_seconds)
    }
}

fn pace(seconds: Option<u64>) -> Duration {
    let asked = seconds.map_or(HEARTBEAT_EVERY, Duration::from_secs);
    asked.clamp(FASTEST_HEARTBEAT, SLOWEST_HEARTBEAT)
}

/// The payload of `fleet.roll-call`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollCall {
    /// Agents spread their answers over this many milliseconds; 0: at once.
    #[serde(default)]
    pub spread_milliseconds: u64,
}
