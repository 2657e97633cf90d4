//! What a run is to do: the action, its targets, and the strategy.

use std::fmt;
use std::str::FromStr;

use bus_schema::{
    Access, ClusterName, DeploymentFilter, Filter, Health, HealthFilter, Namespace, Pattern,
    Reason, VERBS, Verb, WorkloadKind, WorkloadName, WorkloadRef,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{Amount, Interval};
use diagnostics::{Problem, ProblemCode};
use labels::ClusterSelector;

/// Most patterns of one list.
const PATTERNS: usize = 100;

/// Most workloads that can be excluded by name.
const EXCLUDED: usize = 1000;

/// Most stages.
const STAGES: usize = 20;

/// Most characters of the name of a stage.
const STAGE_CHARACTERS: usize = 63;

/// Fields of a mutation that a run sets.
const OF_RUN: [&str; 7] = [
    "reason",
    "kind",
    "name",
    "operation_id",
    "deadline",
    "cluster_uid",
    "fence",
];

/// A run ends this long after its creation at the latest.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a run is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunSpec {
    /// The change, by its verb: `restart`, `pause` and so on.
    pub action: String,
    /// The parameters of the change, beside the workload; empty for `restart`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub parameters: Map<String, Value>,
    /// Why, for the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The workloads.
    pub targets: TargetSelector,
    /// How.
    #[serde(default)]
    pub strategy: Strategy,
    /// Not to be started before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// After this time nothing more is started; a week after its creation if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// The workloads of a run. All given fields must match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TargetSelector {
    /// Only in these clusters: names in which `*` stands for any characters; all if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub clusters: Vec<Pattern>,
    /// Only in clusters whose labels this Kubernetes label selector selects.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, nullable = false, example = "env=prod")]
    pub cluster_label_selector: Option<ClusterSelector>,
    /// Only in these namespaces, likewise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub namespaces: Vec<Pattern>,
    /// Only of these kinds; all if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<WorkloadKind>,
    /// Only those whose labels this Kubernetes label selector selects.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub label_selector: Option<String>,
    /// Only those of exactly this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<WorkloadName>,
    /// Only those whose name contains this text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 512)]
    pub q: Option<String>,
    /// Only those with an image that contains this as a whole part, such as `:1.4` or `shop/cart`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 512)]
    pub image: Option<String>,
    /// Only those with one of these healths.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<Health>)]
    pub health: HealthFilter,
    /// Only these workloads: `cluster/namespace/name`; all if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, max_items = 1000, example = json!(["prod-7/shop/db"]))]
    pub only: Vec<WorkloadPath>,
    /// But not these workloads: `cluster/namespace/name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, max_items = 1000, example = json!(["prod-7/shop/db"]))]
    pub exclude: Vec<WorkloadPath>,
}

/// One workload as text: `cluster/namespace/name`, a deployment, or `cluster/namespace/kind/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadPath {
    /// The cluster.
    pub cluster: ClusterName,
    /// The workload in it.
    pub workload: WorkloadRef,
}

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

impl RunSpec {
    /// Checks everything that does not depend on clusters. `now`: the bus's time.
    ///
    /// # Errors
    /// [`ProblemCode::InvalidValue`] with the field.
    pub fn validate(&self, now: Timestamp) -> Result<(), Problem> {
        self.validate_parameters()?;
        self.targets.validate()?;
        self.strategy.validate()?;
        if let Some(expires_at) = self.expires_at {
            if expires_at <= now {
                return Err(wrong("expires_at", "it is in the past"));
            }
            if expires_at.duration_since(now) > LONGEST {
                return Err(wrong("expires_at", "it is more than a week ahead"));
            }
            if self
                .not_before
                .is_some_and(|not_before| not_before >= expires_at)
            {
                return Err(wrong("not_before", "it is not before `expires_at`"));
            }
        }
        match self.not_before {
            Some(not_before) if not_before.duration_since(now) >= LONGEST => {
                Err(wrong("not_before", "it is more than a week ahead"))
            }
            _ => Ok(()),
        }
    }

    /// The verb of the action.
    ///
    /// # Errors
    /// [`ProblemCode::InvalidValue`] if there is no such change.
    pub fn verb(&self) -> Result<Verb, Problem> {
        let mut changes = VERBS.iter().filter(|verb| verb.access == Access::Write);
        let verb = changes.clone().find(|verb| verb.name == self.action);
        verb.copied().ok_or_else(|| {
            let first = changes.next().map_or("", |verb| verb.name);
            let names = changes.fold(first.to_owned(), |names, verb| {
                format!("{names}, {}", verb.name)
            });
            wrong(
                "action",
                format!("there is no such change; use one of {names}"),
            )
        })
    }

    fn validate_parameters(&self) -> Result<(), Problem> {
        let verb = self.verb()?;
        // Any workload: its name is not known yet.
        let target = [("namespace", "default"), ("deployment_name", "any")];
        let mut request = self.parameters.clone();
        for (field, name) in target {
            request.insert(field.to_owned(), Value::from(name));
        }
        let read = (verb.reread)(Value::Object(request));
        let read = read.map_err(|error| wrong("parameters", error))?;
        let is_own = |parameter: &str| {
            let of_run =
                OF_RUN.contains(&parameter) || target.iter().any(|(name, _)| *name == parameter);
            !of_run && read.get(parameter).is_some()
        };
        match self.parameters.keys().find(|parameter| !is_own(parameter)) {
            Some(parameter) => {
                let why = format!("{} has no such parameter", verb.name);
                Err(wrong(&format!("parameters.{parameter}"), why))
            }
            None => Ok(()),
        }
    }
}

impl TargetSelector {
    fn validate(&self) -> Result<(), Problem> {
        for (field, count, most) in [
            ("targets.clusters", self.clusters.len(), PATTERNS),
            ("targets.namespaces", self.namespaces.len(), PATTERNS),
            ("targets.only", self.only.len(), EXCLUDED),
            ("targets.exclude", self.exclude.len(), EXCLUDED),
        ] {
            if count > most {
                return Err(wrong(field, format!("more than {most}")));
            }
        }
        match Filter::new(self.filter()) {
            Ok(_) => Ok(()),
            Err(fault) => {
                let field = fault.field.unwrap_or_default();
                let why = fault.message.trim_start_matches(&format!("{field}: "));
                Err(wrong(&format!("targets.{field}"), why))
            }
        }
    }

    /// The filter that agents apply.
    #[must_use]
    pub fn filter(&self) -> DeploymentFilter {
        DeploymentFilter {
            namespaces: self.namespaces.clone(),
            label_selector: self.label_selector.clone(),
            name: self.name.clone(),
            q: self.q.clone(),
            image: self.image.clone(),
            health: self.health.clone(),
        }
    }

    /// Whether it selects a workload, apart from what agents filter by.
    #[must_use]
    pub fn selects(&self, cluster: &ClusterName, workload: &WorkloadRef) -> bool {
        let is = |path: &WorkloadPath| path.cluster == *cluster && path.workload == *workload;
        (self.kinds.is_empty() || self.kinds.contains(&workload.kind))
            && (self.only.is_empty() || self.only.iter().any(is))
            && !self.exclude.iter().any(is)
    }
}

impl Strategy {
    fn validate(&self) -> Result<(), Problem> {
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

/// The problem of a field with a wrong value.
pub fn wrong(field: &str, why: impl fmt::Display) -> Problem {
    Problem::new(ProblemCode::InvalidValue, format!("{field}: {why}")).field(field)
}

/// The text names no workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a workload: use cluster/namespace/name, or cluster/namespace/kind/name")]
pub struct WorkloadPathError;

impl FromStr for WorkloadPath {
    type Err = WorkloadPathError;

    fn from_str(text: &str) -> Result<Self, WorkloadPathError> {
        let tokens: Vec<&str> = text.split('/').collect();
        let (cluster, namespace, kind, name) = match tokens[..] {
            [cluster, namespace, name] => (cluster, namespace, WorkloadKind::Deployment, name),
            [cluster, namespace, kind, name] => {
                let kind = serde_json::from_value(Value::from(kind));
                (
                    cluster,
                    namespace,
                    kind.map_err(|_| WorkloadPathError)?,
                    name,
                )
            }
            _ => return Err(WorkloadPathError),
        };
        let namespace: Namespace = namespace.parse().map_err(|_| WorkloadPathError)?;
        Ok(Self {
            cluster: cluster.parse().map_err(|_| WorkloadPathError)?,
            workload: WorkloadRef {
                namespace,
                kind,
                name: name.parse().map_err(|_| WorkloadPathError)?,
            },
        })
    }
}

impl fmt::Display for WorkloadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WorkloadRef {
            namespace,
            kind,
            name,
        } = &self.workload;
        match kind {
            WorkloadKind::Deployment => write!(f, "{}/{namespace}/{name}", self.cluster),
        }
    }
}

impl Serialize for WorkloadPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WorkloadPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(changed: Value) -> RunSpec {
        let mut json = json!({ "action": "restart", "targets": { "clusters": ["prod-*"] } });
        json.as_object_mut()
            .unwrap()
            .extend(changed.as_object().unwrap().clone());
        serde_json::from_value(json).unwrap()
    }

    fn refused(changed: Value) -> Option<String> {
        let now = "2026-03-01T10:00:00Z".parse().unwrap();
        spec(changed)
            .validate(now)
            .err()
            .and_then(|problem| problem.field)
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_field() {
        assert_eq!(refused(json!({})), None);
        assert_eq!(
            refused(json!({ "action": "scale", "parameters": { "replicas": 3 } })),
            None
        );
        for (changed, field) in [
            (json!({ "action": "teleport" }), "action"),
            (json!({ "action": "rollout" }), "action"),
            (json!({ "action": "scale" }), "parameters"),
            (
                json!({ "action": "scale", "parameters": { "replicas": -1 } }),
                "parameters",
            ),
            (
                json!({ "action": "scale", "parameters": { "replicas": 1, "namespace": "x" } }),
                "parameters.namespace",
            ),
            (
                json!({ "action": "scale", "parameters": { "replicas": 1, "fence": true } }),
                "parameters.fence",
            ),
            (
                json!({ "parameters": { "replicas": 1 } }),
                "parameters.replicas",
            ),
            (
                json!({ "expires_at": "2026-03-01T09:59:59Z" }),
                "expires_at",
            ),
            (
                json!({ "expires_at": "2026-03-09T10:00:00Z" }),
                "expires_at",
            ),
            (
                json!({ "not_before": "2026-03-01T12:00:00Z", "expires_at": "2026-03-01T12:00:00Z" }),
                "not_before",
            ),
            (
                json!({ "not_before": "2026-04-01T12:00:00Z" }),
                "not_before",
            ),
            (
                json!({ "targets": { "label_selector": "a in" } }),
                "targets.label_selector",
            ),
            (json!({ "targets": { "q": "x".repeat(513) } }), "targets.q"),
            (
                json!({ "strategy": { "max_concurrency": "0%" } }),
                "strategy.max_concurrency",
            ),
            (
                json!({ "strategy": { "max_concurrency": 0 } }),
                "strategy.max_concurrency",
            ),
            (
                json!({ "strategy": { "max_concurrency_per_cluster": 0 } }),
                "strategy.max_concurrency_per_cluster",
            ),
            (
                json!({ "strategy": { "canary": { "count": 0 } } }),
                "strategy.canary.count",
            ),
            (
                json!({ "strategy": { "progress_deadline": "0s" } }),
                "strategy.progress_deadline",
            ),
            (
                json!({ "strategy": { "stages": [{ "name": "" }] } }),
                "strategy.stages[0].name",
            ),
            (
                json!({ "strategy": { "stages": [{ "name": "a", "clusters": ["x"] }, { "name": "a" }] } }),
                "strategy.stages[1].name",
            ),
            (
                json!({ "strategy": { "stages": [{ "name": "a" }, { "name": "b", "clusters": ["x"] }] } }),
                "strategy.stages[1].clusters",
            ),
        ] {
            assert_eq!(
                refused(changed.clone()).as_deref(),
                Some(field),
                "{changed}"
            );
        }
    }

    #[test]
    fn a_strategy_without_a_canary_is_stored_and_read_back_without_one() {
        let strategy: Strategy = serde_json::from_value(json!({ "canary": null })).unwrap();
        assert_eq!(strategy.canary, None);
        let stored = serde_json::to_value(&strategy).unwrap();
        assert_eq!(
            serde_json::from_value::<Strategy>(stored).unwrap(),
            strategy
        );
        assert!(Strategy::default().canary.is_some());
    }

    #[test]
    fn a_workload_is_excluded_by_its_path_and_a_wrong_path_says_how_it_is_written() {
        let spec = spec(json!({ "targets": { "exclude": ["prod-7/shop/db"] } }));
        let path = |text: &str| text.parse::<WorkloadPath>().unwrap();
        let selects = |path: WorkloadPath| spec.targets.selects(&path.cluster, &path.workload);
        assert!(!selects(path("prod-7/shop/db")));
        assert!(!selects(path("prod-7/shop/Deployment/db")));
        assert!(selects(path("prod-8/shop/db")));
        for text in [
            "db",
            "shop/db",
            "a/b/c/d/e",
            "A/b/c",
            "a/b/CronJob/c",
            "a//c",
        ] {
            assert_eq!(
                text.parse::<WorkloadPath>(),
                Err(WorkloadPathError),
                "{text}"
            );
        }
    }
}
