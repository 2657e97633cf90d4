//! A page of the whole fleet as it is shown.

use std::collections::BTreeMap;

use bus_schema::{ClusterName, Health, WorkloadName};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::FleetDeployment;
use diagnostics::ProblemCode;

/// Deployments of many clusters, and which clusters this is about.
#[derive(Debug, Serialize, ToSchema)]
pub struct FleetPage {
    /// The deployments, in the order that was asked for. There may be fewer than the limit though there are more.
    pub items: Vec<FleetDeployment>,
    /// Give this back as `continue` for the next page; absent on the last one.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What all deployments amount to that the filters hold for, on whichever page they are: in the clusters that answered, and in
    /// those that are offline as they were last known.
    pub totals: FleetTotals,
    /// How many clusters answered, and how many did not.
    pub answers: AnswerCounts,
    /// Each cluster that the question was about, by name.
    pub clusters: Vec<ClusterAnswer>,
}

/// Deployments of many clusters by their names, and which clusters this is about.
#[derive(Debug, Serialize, ToSchema)]
pub struct FleetGroups {
    /// The groups, in the order that was asked for.
    pub items: Vec<DeploymentGroup>,
    /// Give this back as `continue` for the next page; absent on the last one.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many groups there are on all pages.
    pub groups: usize,
    /// Deployments that are in no group, because their cluster has more names than an answer holds; with any, the counts of groups may be
    /// too low. What is not healthy is counted first. A narrower filter counts all.
    pub not_grouped: u64,
    /// What all deployments amount to that the filters hold for, also those in no group.
    pub totals: FleetTotals,
    /// How many clusters answered, and how many did not.
    pub answers: AnswerCounts,
    /// Each cluster that the question was about, by name.
    pub clusters: Vec<ClusterAnswer>,
}

/// All deployments of one name.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentGroup {
    /// The name.
    pub deployment_name: WorkloadName,
    /// How many there are.
    pub deployments: u64,
    /// In how many clusters.
    pub clusters: u64,
    /// How many of these clusters are offline: their deployments are counted as they were last known, with the health `unknown`.
    pub offline_clusters: u64,
    /// How many are how; a health that none has is left out.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub health: BTreeMap<Health, u64>,
    /// How many versions there are: different lists of images.
    pub version_count: usize,
    /// The versions that are used most, at most ten.
    pub versions: Vec<DeploymentVersion>,
}

/// Deployments of one name that have the same images.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentVersion {
    /// The images of their containers, as they stand in the pod templates.
    pub images: Vec<String>,
    /// How many deployments have them.
    pub deployments: u64,
    /// In how many clusters.
    pub clusters: u64,
    /// How many of these are how.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub health: BTreeMap<Health, u64>,
}

/// What deployments amount to.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct FleetTotals {
    /// How many there are.
    pub deployments: u64,
    /// How many are how; a health that none has is left out.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub health: BTreeMap<Health, u64>,
    /// The images that are used most; absent if they were not to be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<FleetImage>>,
    /// Uses of images that are not among those; with any, the counts of those may be too low. A narrower filter counts all. Absent
    /// likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_images: Option<u64>,
}

/// How often an image is used.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FleetImage {
    /// The image, as it stands in the pod templates.
    pub image: String,
    /// How many deployments use it.
    pub deployments: u64,
    /// In how many clusters.
    pub clusters: u64,
}

/// How many clusters answered how.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct AnswerCounts {
    /// Answered in time.
    pub answered: usize,
    /// Did not answer in time.
    pub timed_out: usize,
    /// No agent is there.
    pub offline: usize,
    /// Answered that it cannot, or is too old to be asked.
    pub refused: usize,
    /// Answered what is not an answer, which was left out.
    pub misbehaving: usize,
}

/// A cluster, and whether and how it answered.
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
    /// In time.
    Answered {
        /// How long it took.
        milliseconds: u64,
        /// How many of its deployments the filters hold for.
        deployments: u64,
        /// Present when its agent is cut off from its API server: for how many seconds its answer may be out of date.
        #[serde(skip_serializing_if = "Option::is_none")]
        stale_seconds: Option<u64>,
    },
    /// Not in time: nothing of it is shown.
    TimedOut,
    /// Its agent is not there: what was last known of it is shown, if anything is.
    Offline(Away),
    /// Its agent cannot answer.
    Refused {
        /// What failed, for programs.
        code: ProblemCode,
        /// What failed, for people.
        detail: String,
    },
    /// What came of it is not an answer and was left out.
    Misbehaving {
        /// What is wrong with it.
        detail: String,
    },
}

/// A cluster that is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Away {
    /// When it was last heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// Present when something is known of its deployments: when this was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
    /// Present then, too: how many seconds ago that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_seconds: Option<u64>,
    /// Present then, too: for how many of its deployments, as they were last known, the filters hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployments: Option<u64>,
    /// Present and true when it had more deployments than are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
    /// Present when what is kept of it cannot be shown: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl AnswerState {
    /// It in one word, as in the answer.
    #[must_use]
    pub fn word(&self) -> &'static str {
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
