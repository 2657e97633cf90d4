//! `rollout`: the status of a deployment's rollout.

use bus_schema::Fault;
use bus_schema::verb::{GetRollout, PodProblem, Rollout, RolloutState};
use jiff::Timestamp;

use super::pod_status;
use crate::agent::Cx;
use crate::cache::count;
use crate::kubernetes::{Deployment, Revision, ask, belongings};
use crate::mutation::last_operation;
use crate::rollout::{Progress, progress, wanted};

/// More problems than this would say nothing new.
const PROBLEMS: usize = 50;

pub async fn get(cx: Cx, request: GetRollout) -> Result<Rollout, Fault> {
    let kubernetes = &cx.agent.kubernetes;
    let target = &request.target;
    let api = kubernetes.deployments(&target.namespace);
    let deployment = ask(cx.until, || api.get(target.name.as_str())).await?;
    let namespace = cx.agent.caches.namespaces.get(target.namespace.as_str());
    let mut progress = progress(&deployment);
    if namespace.is_some_and(|namespace| &*namespace.phase == "Terminating") {
        progress.state = RolloutState::Terminating;
        progress.message = "the namespace is being deleted".to_owned();
    }
    let problems = match progress.state {
        RolloutState::Complete => Vec::new(),
        _ => {
            let all =
                belongings(kubernetes, &target.namespace, deployment.clone(), cx.until).await?;
            let now = Timestamp::now();
            all.pods
                .iter()
                .flat_map(|pod| pod_status::problems(pod, now))
                .take(PROBLEMS)
                .collect()
        }
    };
    Ok(to_rollout(request, &deployment, progress, problems))
}

fn to_rollout(
    request: GetRollout,
    deployment: &Deployment,
    progress: Progress,
    problems: Vec<PodProblem>,
) -> Rollout {
    let status = deployment.status.clone().unwrap_or_default();
    Rollout {
        target: request.target,
        state: progress.state,
        message: progress.message,
        replicas: count(wanted(deployment)),
        total: count(status.replicas),
        updated: count(status.updated_replicas),
        ready: count(status.ready_replicas),
        available: count(status.available_replicas),
        generation: deployment.metadata.generation.unwrap_or(0),
        observed_generation: status.observed_generation,
        revision: deployment.revision(),
        restarted_at: deployment.restarted_at(),
        operation_id: last_operation(&deployment.metadata),
        problems,
    }
}
