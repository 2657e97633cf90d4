//! What a run is to do: the action, its targets, and the strategy.

use std::fmt;

use bus_schema::verb::Undo;
use bus_schema::{Access, Reason, VERBS, Verb};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use diagnostics::{Problem, ProblemCode};

mod selector;
mod strategy;

pub use selector::{TargetSelector, WorkloadPath};
pub use strategy::{Canary, OfflinePolicy, OnMaxFailures, Stage, Strategy};

/// Most patterns of one list.
const PATTERNS: usize = 100;

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

/// The parameter of an undo that a run may leave out: then it is each workload's previous revision.
pub const TO_REVISION: &str = "to_revision";

/// A run ends this long after its creation at the latest.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a run is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunSpec {
    /// The change, by its verb: `restart`, `pause` and so on.
    pub action: String,
    /// The parameters of the change, beside the workload; empty for `restart`. An `undo` without `to_revision` goes back to the previous
    /// revision of each workload.
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
        if verb == Verb::of::<Undo>() {
            request.entry(TO_REVISION).or_insert_with(|| 1.into());
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

/// The problem of a field with a wrong value.
pub fn wrong(field: &str, why: impl fmt::Display) -> Problem {
    Problem::new(ProblemCode::InvalidValue, format!("{field}: {why}")).field(field)
}

#[cfg(test)]
mod tests {
    use super::selector::WorkloadPathError;
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
        assert_eq!(refused(json!({ "action": "undo" })), None);
        for (changed, field) in [
            (
                json!({ "action": "undo", "parameters": { "to_revision": 0 } }),
                "parameters",
            ),
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
