//! Previews of runs: the workloads that a run would change now, and the plan.

use std::time::Duration;

use bus_schema::{ClusterName, Verb};
use fleet::{AnswerState, ClusterAnswer, FleetPage, FleetQuery, FleetWorkload};
use serde::Serialize;
use utoipa::ToSchema;

use crate::create::refuse_if_in_run;
use crate::plan::{Candidate, Plan, PlanWarning, SkippedReason, SkippedTarget, reasons, warnings};
use crate::record::{PlannedStage, PlannedTarget};
use crate::spec::wrong;
use crate::{OfflinePolicy, RunSpec, Runs, Strategy};
use diagnostics::{Problem, ProblemCode};
use fleet::journal::sha256;
use identity::Principal;

/// The most targets of a run.
pub const MOST_TARGETS: usize = 10_000;

/// The targets, and the workloads that are left out, of which a preview lists the first.
const LISTED: usize = 100;

/// The reasons of which a preview counts the workloads.
const REASONS: usize = 20;

/// How long to wait for clusters.
const WITHIN: Duration = Duration::from_secs(5);

const PAGE: u32 = 5000;

/// What a run would do if it were started now.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunPreview {
    /// To be sent when the run is started: if the plan is another one then, the run is refused.
    pub plan_hash: String,
    /// The number of targets.
    pub targets: u32,
    /// The number of their clusters.
    pub clusters: u32,
    /// The number of waves.
    pub waves: u32,
    /// The stages in their order.
    pub stages: Vec<PlannedStage>,
    /// The strategy with all defaults.
    pub strategy: Strategy,
    /// The number of failures after which the run stops.
    pub max_failures: u32,
    /// The first 100 targets, in the order in which they are begun.
    pub first_targets: Vec<PlannedTarget>,
    /// How many workloads are left out.
    pub left_out: u32,
    /// Why workloads are left out, and how many for each reason, the most frequent first; at most 20 reasons.
    pub skipped_reasons: Vec<SkippedReason>,
    /// The first 100 workloads that are left out, and why.
    pub skipped: Vec<SkippedTarget>,
    /// What to know before it is started.
    pub warnings: Vec<PlanWarning>,
    /// What has to be sent as `confirm` to start the run, since some of its targets are protected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// Clusters that did not answer: their workloads are not among the targets.
    pub unheard_clusters: Vec<ClusterName>,
}

/// A plan with all that belongs to it.
pub struct Planned {
    pub plan: Plan,
    pub hash: String,
    pub left_out: Vec<SkippedTarget>,
    pub warnings: Vec<PlanWarning>,
    pub confirm: Option<String>,
    pub unheard_clusters: Vec<ClusterName>,
}

impl Runs {
    /// What a run would do if it were started now.
    ///
    /// # Errors
    /// What is wrong with the spec; [`ProblemCode::Forbidden`] if the principal may not change one of its targets;
    /// [`ProblemCode::WorkloadInRun`].
    pub async fn preview(
        &self,
        principal: &Principal,
        spec: &RunSpec,
    ) -> Result<RunPreview, Problem> {
        let planned = self.plan(principal, spec).await?;
        refuse_if_in_run(&self.store, &self.store.all(), &planned.plan.targets).await?;
        let Planned {
            plan,
            hash,
            mut left_out,
            warnings,
            confirm,
            unheard_clusters,
        } = planned;
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (targets, left_out_count) = (count(plan.targets.len()), count(left_out.len()));
        let mut skipped_reasons = reasons(&left_out);
        skipped_reasons.truncate(REASONS);
        left_out.truncate(LISTED);
        Ok(RunPreview {
            plan_hash: hash,
            targets,
            clusters: count(plan.clusters().len()),
            waves: plan.waves(),
            stages: plan.stages,
            strategy: spec.strategy.clone(),
            max_failures: spec.strategy.max_failures.of_rounded_down(targets),
            first_targets: plan.targets.into_iter().take(LISTED).collect(),
            left_out: left_out_count,
            skipped_reasons,
            skipped: left_out,
            warnings,
            confirm,
            unheard_clusters,
        })
    }

    /// The plan of a run that is started now.
    pub(crate) async fn plan(
        &self,
        principal: &Principal,
        spec: &RunSpec,
    ) -> Result<Planned, Problem> {
        spec.validate(self.journal.now())?;
        let verb = spec.verb()?;
        let (selected, answers) = self.select(principal, spec).await?;
        let mut unheard_clusters = Vec::new();
        for ClusterAnswer { cluster, state } in answers {
            match state {
                AnswerState::Answered { .. } => {}
                AnswerState::Offline(_) if spec.strategy.offline == OfflinePolicy::Fail => {
                    let detail =
                        format!("{cluster} is offline, and the run's strategy is to fail then");
                    return Err(Problem::new(ProblemCode::ClusterOffline, detail));
                }
                AnswerState::Offline(_) => {}
                _ => unheard_clusters.push(cluster),
            }
        }
        let (targets, mut left_out) = self.divide(principal, (spec, verb), selected)?;
        if targets.is_empty() {
            let why = match left_out.first() {
                Some(first) => format!(
                    "all that match are left out, such as {} in {}: {}",
                    first.workload, first.cluster, first.reason
                ),
                None => "no workload matches that you may see".to_owned(),
            };
            return Err(wrong("targets", why));
        }
        left_out.sort();
        let plan = Plan::new(&targets, &spec.strategy, &self.registry.current_labels())?;
        let places = targets
            .iter()
            .map(|it| (&it.cluster, &it.workload.namespace));
        let confirm = self.fleet.confirmation(places);
        let hash = hash(spec, &plan, &left_out)?;
        Ok(Planned {
            plan,
            hash,
            left_out,
            warnings: warnings(&targets),
            confirm,
            unheard_clusters,
        })
    }

    /// The workloads that the selector selects, and how the clusters answered.
    async fn select(
        &self,
        principal: &Principal,
        spec: &RunSpec,
    ) -> Result<(Vec<FleetWorkload>, Vec<ClusterAnswer>), Problem> {
        let targets = &spec.targets;
        let mut query = FleetQuery {
            clusters: targets.clusters.clone(),
            cluster_labels: targets.cluster_label_selector.clone(),
            filter: targets.filter(),
            limit: PAGE,
            within: WITHIN,
            ..FleetQuery::default()
        };
        if query.clusters.is_empty() && !targets.only.is_empty() {
            let mut clusters: Vec<_> = targets.only.iter().map(|path| &path.cluster).collect();
            clusters.sort();
            clusters.dedup();
            query.clusters = clusters.into_iter().map(Into::into).collect();
        }
        let mut selected = Vec::new();
        loop {
            let page = self.queries.query(principal, &query).await?;
            let FleetPage {
                items,
                next,
                clusters,
                ..
            } = page;
            selected.extend(items.into_iter().filter(|item| {
                let candidate = Candidate::new(item.cluster.clone(), &item.workload);
                targets.selects(&candidate.cluster, &candidate.workload)
            }));
            if selected.len() > MOST_TARGETS {
                let detail = format!(
                    "more than {MOST_TARGETS} workloads match, and a run has at most {MOST_TARGETS}; narrow `targets`"
                );
                return Err(Problem::new(ProblemCode::TooManyTargets, detail).field("targets"));
            }
            query.next = next;
            if query.next.is_none() {
                return Ok((selected, clusters));
            }
        }
    }

    /// Divides workloads into targets and those that are left out.
    fn divide(
        &self,
        principal: &Principal,
        (spec, verb): (&RunSpec, Verb),
        selected: Vec<FleetWorkload>,
    ) -> Result<(Vec<Candidate>, Vec<SkippedTarget>), Problem> {
        let (mut targets, mut left_out) = (Vec::new(), Vec::new());
        for FleetWorkload {
            cluster,
            last_health,
            workload,
            ..
        } in selected
        {
            let is_offline = last_health.is_some();
            let candidate = Candidate::new(cluster, &workload);
            let allowed =
                self.fleet
                    .may_change(principal, &candidate.cluster, verb, &candidate.workload);
            let reason = match allowed {
                Err(problem) if problem.code == ProblemCode::Forbidden => {
                    let Candidate {
                        cluster, workload, ..
                    } = &candidate;
                    let detail = format!(
                        "{workload} in {cluster} is one of the targets: {}",
                        problem.detail
                    );
                    return Err(Problem::new(ProblemCode::Forbidden, detail).field("targets"));
                }
                Err(problem) => Some(problem.detail.into_owned()),
                Ok(()) if is_offline && spec.strategy.offline == OfflinePolicy::Skip => {
                    Some("its cluster is offline".to_owned())
                }
                Ok(()) => candidate.obstacle(verb.name).map(str::to_owned),
            };
            match reason {
                None => targets.push(candidate),
                Some(reason) => left_out.push(SkippedTarget {
                    cluster: candidate.cluster,
                    workload: candidate.workload,
                    reason,
                }),
            }
        }
        targets.sort_by(|one, other| {
            (&one.cluster, &one.workload).cmp(&(&other.cluster, &other.workload))
        });
        Ok((targets, left_out))
    }
}

/// The hash of what a run does. What changes by itself, such as the health of targets, is not a part of it.
fn hash(spec: &RunSpec, plan: &Plan, left_out: &[SkippedTarget]) -> Result<String, Problem> {
    let json = |value: Result<Vec<u8>, serde_json::Error>| {
        value.map_err(|error| {
            tracing::error!(%error, "a plan cannot be written as JSON");
            Problem::new(ProblemCode::Internal, "the plan cannot be written")
        })
    };
    let left_out: Vec<_> = left_out
        .iter()
        .map(|it| (&it.cluster, &it.workload))
        .collect();
    let spec = json(serde_json::to_vec(spec))?;
    let targets = json(serde_json::to_vec(&plan.targets))?;
    let left_out = json(serde_json::to_vec(&left_out))?;
    Ok(sha256(&[&spec, &targets, &left_out]))
}
