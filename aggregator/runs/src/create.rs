//! Creation of runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use bus_schema::{ClusterName, WorkloadRef};

use crate::Runs;
use crate::lease::release;
use crate::preview::Planned;
use crate::record::{PlannedTarget, Run, RunId};
use crate::retention::{self, surplus};
use crate::spec::{LONGEST, RunSpec};
use crate::state::{Desired, RunState};
use crate::store::{RunStore, unavailable};
use audit::{Entry, RequestSource};
use diagnostics::{Problem, ProblemCode};
use fleet::check_confirmation;
use identity::Principal;

/// The most runs that have not ended.
const MOST_ACTIVE: usize = 50;

/// What the requester has seen of a plan, and confirms.
#[derive(Debug, Clone, Copy)]
pub struct Consent<'a> {
    /// The hash of the plan in the preview; without one the plan may be any.
    pub plan_hash: Option<&'a str>,
    /// What confirms it, if one of its targets is protected.
    pub confirm: Option<&'a str>,
}

impl Runs {
    /// Creates a run.
    ///
    /// # Errors
    /// As [`Runs::preview`]; [`ProblemCode::PlanChanged`]; [`ProblemCode::WorkloadInRun`]; if the audit or the bucket does not answer.
    pub async fn create(
        &self,
        principal: &Principal,
        source: &RequestSource,
        spec: RunSpec,
        consent: Consent<'_>,
    ) -> Result<Arc<Run>, Problem> {
        // The run of a request that is repeated after an interruption.
        if let Some(run) = source
            .operation_id
            .as_ref()
            .and_then(|id| self.store.find(id))
        {
            return Ok(run);
        }
        let planned = self.plan(principal, &spec).await?;
        if consent.plan_hash.is_some_and(|hash| hash != planned.hash) {
            let detail = "the workloads or their waves are not those of the preview any more; preview the run again";
            return Err(Problem::new(ProblemCode::PlanChanged, detail).field("plan_hash"));
        }
        check_confirmation(planned.confirm.as_deref(), consent.confirm)?;
        // Again once no other run can be created; here so that what is refused is not in the audit.
        refuse_if_in_run(&self.store, &self.store.all(), &planned.plan.targets).await?;
        self.change_limit.count(&principal.user)?;
        let entry = self.journal.entry(&principal.user, source, "run", None);
        let id = self.journal.id_of(&entry);
        let run = self.new_run(&id, principal, source, spec, &planned);
        let entry = Entry {
            operation_id: Some(id.clone()),
            run_id: Some(id),
            detail: Some(summary(&run)),
            reason: run.spec.reason.clone(),
            ..entry
        };
        let (store, targets) = (self.store.clone(), planned.plan.targets);
        let now = self.journal.now();
        let created = async move {
            let run = create_alone(&store, run, &targets).await?;
            store.publish(&run, now).await;
            Ok::<_, Problem>(run)
        };
        let (_, run) = self.journal.record_to_end(entry, created).await?;
        Ok(run)
    }

    fn new_run(
        &self,
        id: &RunId,
        principal: &Principal,
        source: &RequestSource,
        spec: RunSpec,
        planned: &Planned,
    ) -> Run {
        let Planned {
            plan,
            hash,
            left_out,
            ..
        } = planned;
        let (now, count) = (self.journal.now(), |count: usize| {
            u32::try_from(count).unwrap_or(u32::MAX)
        });
        let latest = now + LONGEST;
        let state = match spec.not_before {
            Some(not_before) if not_before > now => RunState::Scheduled,
            _ => RunState::Running,
        };
        let mut run = Run {
            id: id.clone(),
            user: principal.user.clone(),
            address: source.address,
            created_at: now,
            expires_at: spec.expires_at.unwrap_or(latest).min(latest),
            plan_hash: hash.clone(),
            targets: count(plan.targets.len()),
            waves: plan.waves(),
            stages: plan.stages.clone(),
            clusters: plan.clusters().into_iter().collect(),
            left_out: count(left_out.len()),
            revision: 1,
            desired: Desired::Run,
            desired_by: None,
            state,
            detail: None,
            transitions: Vec::new(),
            wave: 0,
            counts: [(crate::TargetState::Pending, count(plan.targets.len()))].into(),
            approvals: Vec::new(),
            accepted_failures: 0,
            attempt: 1,
            started_at: None,
            ended_at: None,
            spec,
        };
        run.enter(state, None, Some(&principal.user), now);
        run
    }
}

/// Creates a run, unless one of its targets is in another one. No other run is created meanwhile, by any replica.
async fn create_alone(
    store: &RunStore,
    run: Run,
    targets: &[PlannedTarget],
) -> Result<Arc<Run>, Problem> {
    let creating = store.creating().await?;
    let created = async {
        let stored = store.latest().await?;
        refuse_if_in_run(store, &stored, targets).await?;
        let run = store.create(run, targets).await.map_err(unavailable)?;
        Ok((run, stored))
    };
    let created: Result<_, Problem> = created.await;
    release(creating).await;
    let (run, mut stored) = created?;
    stored.push(Arc::clone(&run));
    let store = store.clone();
    tokio::spawn(async move { store.remove(surplus(&stored)).await });
    Ok(run)
}

/// Checks that no workload is a target of one of these runs that has not ended.
///
/// # Errors
/// [`ProblemCode::WorkloadInRun`]; [`ProblemCode::RateLimited`] if too many have not ended.
pub async fn refuse_if_in_run(
    store: &RunStore,
    runs: &[Arc<Run>],
    targets: &[PlannedTarget],
) -> Result<(), Problem> {
    let active: Vec<_> = runs.iter().filter(|run| !run.state.is_ended()).collect();
    let all = retention::targets(active.iter().copied()) + targets.len() as u64;
    if active.len() >= MOST_ACTIVE || all > retention::MOST_TARGETS {
        let detail = format!(
            "{} runs have not ended yet; wait for one, or abort one",
            active.len()
        );
        return Err(Problem::new(ProblemCode::RateLimited, detail));
    }
    let wanted: BTreeSet<(&ClusterName, &WorkloadRef)> = targets
        .iter()
        .map(|target| (&target.cluster, &target.workload))
        .collect();
    let clusters: BTreeSet<_> = wanted.iter().map(|(cluster, _)| *cluster).collect();
    for run in active {
        if !run
            .clusters
            .iter()
            .any(|cluster| clusters.contains(cluster))
        {
            continue;
        }
        let plan = store.plan(run).await?;
        let taken = plan
            .iter()
            .find(|target| wanted.contains(&(&target.cluster, &target.workload)));
        if let Some(target) = taken {
            let detail = format!(
                "{} in {} is a target of the run {}, which has not ended; exclude it, or wait",
                target.workload, target.cluster, run.id
            );
            return Err(Problem::new(ProblemCode::WorkloadInRun, detail).field("targets"));
        }
    }
    Ok(())
}

/// A run in one line, for the audit.
pub fn summary(run: &Run) -> String {
    let (action, targets) = (&run.spec.action, run.targets);
    let clusters = run.clusters.len();
    format!("{action} of {targets} workloads in {clusters} clusters")
}
