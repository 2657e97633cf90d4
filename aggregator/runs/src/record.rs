//! What is stored of a run: the run itself, its plan in parts, and a record of each target that was begun.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use bus_keys::streams::{BucketSpec, RUNS};
use bus_schema::{ClusterName, OperationId, WorkloadRef};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::RunSpec;
use crate::key::{Header, Leasing, Part, RunKey, Target};
use crate::state::{Desired, RunState, TargetState};
use crate::transition::Transition;
use storage::{Lease, Leased, Record, RecordError};

/// The id of a run: that of the operation in the audit that created it.
pub type RunId = OperationId;

/// The most targets of a part of a plan.
pub const PART_TARGETS: usize = 1000;

/// A run. It is rewritten when its state changes and periodically with new counts, but not for each target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// What it is to do.
    pub spec: RunSpec,
    /// The requester.
    pub user: String,
    /// Where the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// When it was created, by the bus's clock.
    pub created_at: Timestamp,
    /// After this time nothing more is started.
    pub expires_at: Timestamp,
    /// The hash of its plan.
    pub plan_hash: String,
    /// The number of targets.
    pub targets: u32,
    /// The number of waves.
    pub waves: u32,
    /// The stages in their order.
    pub stages: Vec<PlannedStage>,
    /// The clusters of its targets, by name.
    pub clusters: Vec<ClusterName>,
    /// How many workloads were left out of the plan.
    #[serde(default)]
    pub left_out: u32,
    /// Increases with each act of a person and each change of the state.
    pub revision: u64,
    /// What people want.
    pub desired: Desired,
    /// Who wants that; `None` if nobody has said so, or the run itself has changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_by: Option<String>,
    /// Its state. Only [`Run::enter`] changes it.
    pub state: RunState,
    /// The reason for the state, unless that is obvious.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The states that it has had, the newest last: the outbox of what is published and of the notifications.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<Transition>,
    /// The current wave, from 0.
    #[serde(default)]
    pub wave: u32,
    /// The number of targets by state, as last counted.
    #[serde(default)]
    pub counts: BTreeMap<TargetState, u32>,
    /// Which stages were approved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// The failures that were accepted by resuming the run after them.
    #[serde(default)]
    pub accepted_failures: u32,
    /// From 1; increases with each retry.
    pub attempt: u32,
    /// When its first target was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// A stage of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedStage {
    /// Its name; `canary` and `rest` if the strategy names none.
    pub name: String,
    /// Its first wave, from 0.
    pub first_wave: u32,
    /// The number of targets in each of its waves.
    pub wave_sizes: Vec<u32>,
    /// Whether it has to be approved before it starts.
    pub approval: bool,
}

/// The approval of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// The stage.
    pub stage: String,
    /// Who approved it.
    pub user: String,
    /// When.
    pub time: Timestamp,
}

/// A target of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedTarget {
    /// The cluster.
    pub cluster: ClusterName,
    /// The workload.
    #[serde(flatten)]
    pub workload: WorkloadRef,
    /// The wave, from 0.
    pub wave: u32,
}

/// A part of a plan: at most [`PART_TARGETS`] targets, in the order in which they are begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPart {
    /// The targets.
    pub targets: Vec<PlannedTarget>,
}

/// The record of a target, written when it leaves the state `pending`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// Its state.
    pub state: TargetState,
    /// How often it was begun.
    pub attempt: u32,
    /// The operation that changes it, also in the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
    /// When the operation was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Since when the rollout has been complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete_since: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The time that a restart wrote: another one is somebody else's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Timestamp>,
    /// The revision that its undo goes back to, if the run names none: determined once, so that a second attempt does not go back further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_revision: Option<u64>,
    /// The reason for its state, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl TargetRecord {
    /// A target that has not been begun.
    pub const PENDING: Self = Self {
        state: TargetState::Pending,
        attempt: 0,
        operation_id: None,
        started_at: None,
        complete_since: None,
        ended_at: None,
        restarted_at: None,
        to_revision: None,
        reason: None,
    };

    /// The same target, to be begun again.
    #[must_use]
    pub fn again(&self) -> Self {
        Self {
            attempt: self.attempt,
            to_revision: self.to_revision,
            ..Self::PENDING
        }
    }
}

/// The lease of the replica that carries a run out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLease {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<Lease>,
}

impl Leased for RunLease {
    const TERM: Duration = Duration::from_secs(15);

    fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    fn lease_mut(&mut self) -> &mut Option<Lease> {
        &mut self.lease
    }
}

impl Record for Run {
    const BUCKET: BucketSpec = RUNS;
    type Key = RunKey<Header>;
    const KEY: &'static str = "the key of a run";
    const FILTER: &'static str = "*.run";

    fn is_of(&self, key: &RunKey<Header>) -> bool {
        self.id == key.run
    }
}

impl Record for PlanPart {
    const BUCKET: BucketSpec = RUNS;
    type Key = RunKey<Part>;
    const KEY: &'static str = "the key of a part of a run's plan";
    const FILTER: &'static str = "*.plan.*";
}

impl Record for TargetRecord {
    const BUCKET: BucketSpec = RUNS;
    type Key = RunKey<Target>;
    const KEY: &'static str = "the key of a run's target";
    const FILTER: &'static str = "*.target.*";
}

impl Record for RunLease {
    const BUCKET: BucketSpec = RUNS;
    type Key = RunKey<Leasing>;
    const KEY: &'static str = "the key of a run's lease";
    const FILTER: &'static str = "*.lease";
}

/// Whether a record of the bucket can be used.
///
/// # Errors
/// What is wrong with it.
pub fn check(key: &str, value: &[u8]) -> Result<(), RecordError> {
    match key.split('.').nth(1) {
        Some("plan") => PlanPart::parse(key, value).map(drop),
        Some("target") => TargetRecord::parse(key, value).map(drop),
        Some("lease") => RunLease::parse(key, value).map(drop),
        _ => Run::parse(key, value).map(drop),
    }
}
