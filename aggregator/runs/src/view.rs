//! Runs and their targets as the REST API returns them.

use std::collections::BTreeMap;

use bus_schema::{ClusterName, OperationId, WorkloadRef};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Runs;
use crate::acts::sees;
use crate::record::{Approval, PlannedStage, PlannedTarget, Run, RunId, TargetRecord};
use crate::spec::{RunSpec, wrong};
use crate::state::{Desired, RunState, TargetState};
use crate::transition::Transition;
use diagnostics::Problem;
use identity::Principal;

/// A run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunView {
    /// Its id.
    pub run_id: RunId,
    /// What it does.
    pub spec: RunSpec,
    /// Who started it.
    pub user: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// After this time nothing more is started.
    pub expires_at: Timestamp,
    /// When its first target was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Its state.
    pub state: RunState,
    /// What people want of it.
    pub desired: Desired,
    /// The reason for its state, unless that is obvious.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The states that it has had, the newest last: when it was paused, by whom or why. The last 50; `GET /runs` leaves them out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<Transition>,
    /// Increases with each act of a person and each change of the state.
    pub revision: u64,
    /// From 1; increases with each retry.
    pub attempt: u32,
    /// The number of targets.
    pub targets: u32,
    /// The number of targets by state; states without any are left out.
    #[schema(value_type = BTreeMap<String, u32>)]
    pub counts: BTreeMap<TargetState, u32>,
    /// How many workloads were left out of the plan.
    pub left_out: u32,
    /// The number of waves.
    pub waves: u32,
    /// The current wave, from 0.
    pub wave: u32,
    /// The stages in their order.
    pub stages: Vec<PlannedStage>,
    /// Which stages were approved.
    pub approvals: Vec<Approval>,
    /// The clusters of its targets, by name.
    pub clusters: Vec<ClusterName>,
}

impl From<&Run> for RunView {
    fn from(run: &Run) -> Self {
        let run = run.clone();
        Self {
            run_id: run.id,
            spec: run.spec,
            user: run.user,
            created_at: run.created_at,
            expires_at: run.expires_at,
            started_at: run.started_at,
            ended_at: run.ended_at,
            state: run.state,
            desired: run.desired,
            detail: run.detail,
            transitions: run.transitions,
            revision: run.revision,
            attempt: run.attempt,
            targets: run.targets,
            counts: run.counts,
            left_out: run.left_out,
            waves: run.waves,
            wave: run.wave,
            stages: run.stages,
            approvals: run.approvals,
            clusters: run.clusters,
        }
    }
}

/// Runs, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunPage {
    /// The runs.
    pub items: Vec<RunView>,
    /// Pass this as `continue` for older ones; absent when there are none.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    pub next: Option<RunId>,
    /// Runs whose records cannot be read, on the first page: `aggregator bus records` shows what is wrong with them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<RunId>,
}

/// A target of a run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TargetView {
    /// Its number in the plan, from 0.
    pub number: u32,
    /// The cluster.
    pub cluster: ClusterName,
    /// The workload.
    #[serde(flatten)]
    pub workload: WorkloadRef,
    /// The wave, from 0.
    pub wave: u32,
    /// Its state.
    pub state: TargetState,
    /// How often it was begun.
    pub attempt: u32,
    /// The operation that changes it, also in the audit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
    /// When the operation was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The reason for its state, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl TargetView {
    pub(crate) fn new(number: u32, target: PlannedTarget, record: TargetRecord) -> Self {
        Self {
            number,
            cluster: target.cluster,
            workload: target.workload,
            wave: target.wave,
            state: record.state,
            attempt: record.attempt,
            operation_id: record.operation_id,
            started_at: record.started_at,
            ended_at: record.ended_at,
            reason: record.reason,
        }
    }
}

/// Targets of a run, in the order in which they are begun.
#[derive(Debug, Serialize, ToSchema)]
pub struct TargetPage {
    /// The targets.
    pub items: Vec<TargetView>,
    /// Pass this as `continue` for the next page; absent on the last page.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    pub next: Option<u32>,
}

impl Runs {
    /// The runs that the principal may see, newest first. `before`: only older ones than this.
    #[must_use]
    pub fn page(
        &self,
        principal: &Principal,
        only: impl Fn(&Run) -> bool,
        limit: usize,
        before: Option<&RunId>,
    ) -> RunPage {
        let all = self.store.all();
        let older = all
            .iter()
            .filter(|run| before.is_none_or(|before| run.id < *before));
        let mut shown = older.filter(|run| sees(principal, run) && only(run));
        let items: Vec<RunView> = shown
            .by_ref()
            .take(limit)
            .map(|run| RunView {
                transitions: Vec::new(),
                ..RunView::from(&**run)
            })
            .collect();
        let next = shown
            .next()
            .and(items.last())
            .map(|last| last.run_id.clone());
        let damaged = match before {
            None => self.store.damaged(),
            Some(_) => Vec::new(),
        };
        RunPage {
            items,
            next,
            damaged,
        }
    }

    /// Targets of a run, from this number on.
    ///
    /// # Errors
    /// [`diagnostics::ProblemCode::NotFound`], or the bucket does not answer.
    pub async fn targets(
        &self,
        principal: &Principal,
        id: &RunId,
        states: &[TargetState],
        limit: usize,
        from: u32,
    ) -> Result<TargetPage, Problem> {
        let run = self.find(principal, id)?;
        if from > run.targets {
            return Err(wrong(
                "continue",
                "pass the `continue` of the previous page unchanged",
            ));
        }
        let (plan, records) = (
            self.store.plan(&run).await?,
            self.store.target_records(&run).await?,
        );
        let all = (0..).zip(plan.into_iter().zip(records));
        let mut wanted = all.filter(|(number, (_, (record, _)))| {
            *number >= from && (states.is_empty() || states.contains(&record.state))
        });
        let views = wanted.by_ref().take(limit);
        let items = views
            .map(|(number, (target, (record, _)))| TargetView::new(number, target, record))
            .collect();
        Ok(TargetPage {
            items,
            next: wanted.next().map(|(number, _)| number),
        })
    }
}
