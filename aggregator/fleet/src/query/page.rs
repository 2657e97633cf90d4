//! A page of a fleet query as the REST API returns it.

use std::collections::BTreeMap;

use bus_schema::{ClusterName, Health, WorkloadKind, WorkloadName};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::FleetWorkload;
use diagnostics::ProblemCode;

/// Deployments of many clusters, and the state of each cluster.
#[derive(Debug, Serialize, ToSchema)]
pub struct FleetPage {
    /// The workloads in the requested order. A page may have fewer than the limit although more follow.
    pub items: Vec<FleetWorkload>,
    /// Pass this as `continue` to get the next page; absent on the last page.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The totals of all workloads that match the filters, on all pages: in the clusters that answered, and as last known in those
    /// that are offline.
    pub totals: FleetTotals,
    /// The number of clusters by how they answered.
    pub answers: AnswerCounts,
    /// Each cluster of the query, by name.
    pub clusters: Vec<ClusterAnswer>,
}

/// Deployments of many clusters grouped by name, and the state of each cluster.
#[derive(Debug, Serialize, ToSchema)]
pub struct FleetGroups {
    /// The groups in the requested order.
    pub items: Vec<WorkloadGroup>,
    /// Pass this as `continue` to get the next page; absent on the last page.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The number of groups on all pages.
    pub groups: usize,
    /// Deployments that are in no group because their cluster has more names than a response holds; if there are any, the counts of
    /// groups may be too low. Unhealthy workloads are counted first. A narrower filter counts all.
    pub not_grouped: u64,
    /// The totals of all workloads that match the filters, including those in no group.
    pub totals: FleetTotals,
    /// The number of clusters by how they answered.
    pub answers: AnswerCounts,
    /// Each cluster of the query, by name.
    pub clusters: Vec<ClusterAnswer>,
}

/// All workloads of one kind with one name.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkloadGroup {
    /// Their kind.
    pub kind: WorkloadKind,
    /// Their name.
    pub name: WorkloadName,
    /// How many there are.
    pub workloads: u64,
    /// In how many clusters.
    pub clusters: u64,
    /// The number of these clusters that are offline: their last known workloads are counted, with the health `unknown`.
    pub offline_clusters: u64,
    /// The number of workloads by health; healths without any workload are left out.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub health: BTreeMap<Health, u64>,
    /// The number of versions, that is of different lists of images.
    pub version_count: usize,
    /// The most used versions, at most ten.
    pub versions: Vec<WorkloadVersion>,
}

/// Deployments with the same name and the same images.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkloadVersion {
    /// The images of their containers, as written in the pod templates.
    pub images: Vec<String>,
    /// The number of workloads with these images.
    pub workloads: u64,
    /// In how many clusters.
    pub clusters: u64,
    /// The number of these workloads by health.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub health: BTreeMap<Health, u64>,
}

/// Totals of workloads.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct FleetTotals {
    /// How many there are.
    pub workloads: u64,
    /// The number of workloads by health; healths without any workload are left out.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub health: BTreeMap<Health, u64>,
    /// The most used images; absent if counting was not requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<FleetImage>>,
    /// Uses of images that are not listed; if there are any, the listed counts may be too low. A narrower filter counts all. Absent if
    /// counting was not requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_images: Option<u64>,
}

/// The uses of an image.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FleetImage {
    /// The image, as written in the pod templates.
    pub image: String,
    /// The number of workloads that use it.
    pub workloads: u64,
    /// In how many clusters.
    pub clusters: u64,
}

/// The number of clusters by how they answered.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct AnswerCounts {
    /// Answered in time.
    pub answered: usize,
    /// Did not answer in time.
    pub timed_out: usize,
    /// Offline.
    pub offline: usize,
    /// Answered with a fault, or too old for this query.
    pub refused: usize,
    /// Answered with an invalid response, which was ignored.
    pub misbehaving: usize,
}

/// A cluster, and how it answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClusterAnswer {
    /// The cluster.
    pub cluster: ClusterName,
    /// How it answered.
    #[serde(flatten)]
    pub state: AnswerState,
}

/// How a cluster answered.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AnswerState {
    /// It answered in time.
    Answered {
        /// The response time.
        milliseconds: u64,
        /// The number of its workloads that match the filters.
        workloads: u64,
        /// Present if its agent has lost its API server: for how many seconds its answer may have been out of date.
        #[serde(skip_serializing_if = "Option::is_none")]
        stale_seconds: Option<u64>,
    },
    /// It did not answer in time; none of its workloads are shown.
    TimedOut,
    /// It is offline; its last known workloads are shown, if there are any.
    Offline(StaleNotice),
    /// Its agent answered with a fault.
    Refused {
        /// What failed, for programs.
        code: ProblemCode,
        /// What failed, for people.
        detail: String,
    },
    /// Its response is invalid and was ignored.
    Misbehaving {
        /// What is wrong with it.
        detail: String,
    },
}

/// A cluster that is offline.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct StaleNotice {
    /// When its last heartbeat arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// Present if its last known workloads are shown: when they were observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
    /// Also present then: how many seconds ago that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_seconds: Option<u64>,
    /// Also present then: the number of its last known workloads that match the filters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workloads: Option<u64>,
    /// Present and true if it had more workloads than are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
    /// Present if its stored workloads cannot be shown: the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl AnswerState {
    /// The state in one word, as in JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Answered { .. } => "answered",
            Self::TimedOut => "timed_out",
            Self::Offline(_) => "offline",
            Self::Refused { .. } => "refused",
            Self::Misbehaving { .. } => "misbehaving",
        }
    }
}

impl AnswerCounts {
    /// Counts them.
    pub fn of(clusters: &[ClusterAnswer]) -> Self {
        let mut counts = Self::default();
        for cluster in clusters {
            *match cluster.state {
                AnswerState::Answered { .. } => &mut counts.answered,
                AnswerState::TimedOut => &mut counts.timed_out,
                AnswerState::Offline(_) => &mut counts.offline,
                AnswerState::Refused { .. } => &mut counts.refused,
                AnswerState::Misbehaving { .. } => &mut counts.misbehaving,
            } += 1;
        }
        counts
    }
}
