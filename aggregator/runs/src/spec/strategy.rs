//! How a run goes through its targets.

use bus_schema::Pattern;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PATTERNS, wrong};
use crate::{Amount, Interval};
use diagnostics::Problem;
use labels::ClusterSelector;

/// Most stages.
const STAGES: usize = 20;

/// Most characters of the name of a stage.
const STAGE_CHARACTERS: usize = 63;

/// How a run goes through its targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Strategy {
    /// The most targets in one wave: a number, or a percentage of all targets, rounded up.
    pub max_concurrency: Amount,
    /// The most targets of one cluster in one wave.
    #[schema(minimum = 1, maximum = 1000)]
    pub max_concurrency_per_cluster: u32,
    /// A small first wave; `null`: none.
    pub canary: Option<Canary>,
    /// One after the other; a target belongs to the first stage that selects its cluster. Without stages there is one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 20)]
    pub stages: Vec<Stage>,
    /// The run stops when more targets than this have failed: a number, or a percentage of all targets, rounded down.
    pub max_failures: Amount,
    /// What the run does then.
    pub on_max_failures: OnMaxFailures,
    /// A target whose rollout is not complete after this time has failed.
    pub progress_deadline: Interval,
    /// A target has succeeded once its rollout has stayed complete for this long.
    pub min_success_time: Interval,
    /// What to do with targets in clusters that are offline.
    pub offline: OfflinePolicy,
}

impl Default for Strategy {
    /// As a careful operator would choose.
    fn default() -> Self {
        Self {
            max_concurrency: Amount::Percent(10),
            max_concurrency_per_cluster: 3,
            canary: Some(Canary {
                count: 1,
                approval: false,
            }),
            stages: Vec::new(),
            max_failures: Amount::Count(0),
            on_max_failures: OnMaxFailures::Pause,
            progress_deadline: Interval::from_secs(600),
            min_success_time: Interval::from_secs(10),
            offline: OfflinePolicy::Skip,
        }
    }
}

/// A small first wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// How many targets.
    #[schema(minimum = 1, maximum = 1000)]
    pub count: u32,
    /// Whether somebody else than the requester has to approve what follows it.
    #[serde(default)]
    pub approval: bool,
}

/// A part of the targets, by their clusters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its name.
    #[schema(min_length = 1, max_length = 63)]
    pub name: String,
    /// Targets in these clusters: names in which `*` stands for any characters; in all clusters if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub clusters: Vec<Pattern>,
    /// Only in clusters whose labels this Kubernetes label selector selects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, nullable = false)]
    pub cluster_label_selector: Option<ClusterSelector>,
    /// Whether somebody else than the requester has to approve the stage before it starts.
    #[serde(default)]
    pub approval: bool,
}

/// What a run does when too many targets have failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnMaxFailures {
    /// It starts nothing more until somebody resumes it.
    Pause,
    /// It starts nothing more and has failed.
    Abort,
}

/// What a run does with targets in clusters that are offline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfflinePolicy {
    /// They are left out.
    Skip,
    /// They wait until their cluster is back, or the run expires.
    Wait,
    /// The run is refused; a target whose cluster goes offline later has failed.
    Fail,
}

impl Strategy {
    pub(super) fn validate(&self) -> Result<(), Problem> {
        if self.max_concurrency.is_zero() {
            return Err(wrong(
                "strategy.max_concurrency",
                "nothing would start; use 1 or more",
            ));
        }
        if !(1..=1000).contains(&self.max_concurrency_per_cluster) {
            return Err(wrong(
                "strategy.max_concurrency_per_cluster",
                "use 1 to 1000",
            ));
        }
        if self
            .canary
            .is_some_and(|canary| !(1..=1000).contains(&canary.count))
        {
            return Err(wrong("strategy.canary.count", "use 1 to 1000"));
        }
        if self.progress_deadline < Interval::from_secs(1) {
            return Err(wrong("strategy.progress_deadline", "use 1s or more"));
        }
        self.validate_stages()
    }

    fn validate_stages(&self) -> Result<(), Problem> {
        if self.stages.len() > STAGES {
            return Err(wrong("strategy.stages", format!("more than {STAGES}")));
        }
        for (number, stage) in self.stages.iter().enumerate() {
            let field = |name: &str| format!("strategy.stages[{number}].{name}");
            let is_name = (1..=STAGE_CHARACTERS).contains(&stage.name.chars().count())
                && !stage.name.chars().any(char::is_control);
            if !is_name {
                let why = format!("use 1 to {STAGE_CHARACTERS} characters");
                return Err(wrong(&field("name"), why));
            }
            let earlier = &self.stages[..number];
            if earlier.iter().any(|earlier| earlier.name == stage.name) {
                return Err(wrong(&field("name"), "an earlier stage has this name"));
            }
            if stage.clusters.len() > PATTERNS {
                return Err(wrong(&field("clusters"), format!("more than {PATTERNS}")));
            }
            if earlier.iter().any(Stage::selects_all) {
                let why = "an earlier stage selects all clusters, so nothing is left for this one";
                return Err(wrong(&field("clusters"), why));
            }
        }
        Ok(())
    }
}

impl Stage {
    fn selects_all(&self) -> bool {
        let all = self.clusters.is_empty() || self.clusters.iter().any(Pattern::matches_all);
        all && self.cluster_label_selector.is_none()
    }
}
