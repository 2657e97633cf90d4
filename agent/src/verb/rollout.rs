//! `rollout`: the status of a workload's rollout.

use bus_schema::verb::{GetRollout, PodProblem, Rollout, RolloutState};
use bus_schema::{Fault, WorkloadKind};
use jiff::{SignedDuration, Timestamp};

use super::pod_status;
use crate::agent::Cx;
use crate::cache::count;
use crate::kubernetes::{Pod, WorkloadObject, belongings, created_at, history, read_workload};
use crate::mutation::last_operation;
use crate::rollout::{Progress, progress, waits_for_deletion, wanted};

/// More problems than this would say nothing new.
const PROBLEMS: usize = 50;

/// A rollout of a StatefulSet or a DaemonSet has failed when nothing has happened for this long: Kubernetes has no progress deadline for
/// them, and kubectl would wait forever. It is the deadline that a Deployment has by default.
const PROGRESS_DEADLINE: SignedDuration = SignedDuration::from_mins(10);

pub async fn get(cx: Cx, request: GetRollout) -> Result<Rollout, Fault> {
    let (kubernetes, until) = (&cx.agent.kubernetes, cx.until);
    let target = &request.target;
    let workload = read_workload(kubernetes, target, until).await?;
    let namespace = cx.agent.caches.namespaces.get(target.namespace.as_str());
    let mut progress = progress(&workload);
    if namespace.is_some_and(|namespace| &*namespace.phase == "Terminating") {
        progress.state = RolloutState::Terminating;
        progress.message = "the namespace is being deleted".to_owned();
    }
    let revision = match workload.kind {
        WorkloadKind::Deployment => workload.revision(),
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
            let history = history(kubernetes, &target.namespace, &workload, until).await?;
            history.iter().filter_map(|revision| revision.number).max()
        }
    };
    let mut problems = Vec::new();
    if progress.state != RolloutState::Complete {
        let all = belongings(kubernetes, &target.namespace, workload.clone(), until).await?;
        let now = Timestamp::now();
        let found = all
            .pods
            .iter()
            .flat_map(|pod| pod_status::problems(pod, now));
        problems.extend(found.take(PROBLEMS));
        if progress.state == RolloutState::Progressing
            && workload.kind != WorkloadKind::Deployment
            && !waits_for_deletion(&workload)
            && last_progress(&workload, &all.pods)
                .is_some_and(|last| now.duration_since(last) > PROGRESS_DEADLINE)
        {
            progress.state = RolloutState::Failed;
            let minutes = PROGRESS_DEADLINE.as_mins();
            progress.message = format!("no progress for {minutes} minutes: {}", progress.message);
        }
    }
    Ok(to_rollout(request, &workload, progress, revision, problems))
}

/// When something last happened in a rollout: it was begun, a pod was created, or a pod became ready or unready.
fn last_progress(workload: &WorkloadObject, pods: &[Pod]) -> Option<Timestamp> {
    let turned = |pod: &Pod| {
        let condition = pod.status.as_ref()?.condition("Ready")?;
        condition.last_transition_time
    };
    let of_pods = pods
        .iter()
        .flat_map(|pod| [created_at(&pod.metadata), turned(pod)]);
    let operation = last_operation(&workload.metadata).and_then(|id| id.time());
    let begun = [
        created_at(&workload.metadata),
        workload.restarted_at(),
        operation,
    ];
    of_pods.chain(begun).flatten().max()
}

fn to_rollout(
    request: GetRollout,
    workload: &WorkloadObject,
    progress: Progress,
    revision: Option<u64>,
    problems: Vec<PodProblem>,
) -> Rollout {
    let status = workload.status.clone().unwrap_or_default();
    Rollout {
        target: request.target,
        state: progress.state,
        message: progress.message,
        replicas: count(wanted(workload)),
        total: count(status.replicas),
        updated: count(status.updated_replicas),
        ready: count(status.ready_replicas),
        available: count(status.available_replicas),
        generation: workload.metadata.generation.unwrap_or(0),
        observed_generation: status.observed_generation,
        revision,
        restarted_at: workload.restarted_at(),
        operation_id: last_operation(&workload.metadata),
        problems,
    }
}
