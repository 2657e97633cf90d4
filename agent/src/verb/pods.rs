//! `pods`: the pods of a workload.

use bus_schema::page::limit;
use bus_schema::verb::{ContainerSummary, ListPods, PodSummary};
use bus_schema::{Fault, Page, PodName};

use super::pod_status::status_text;
use crate::agent::Cx;
use crate::kubernetes::{
    Container, ContainerState, ContainerStatus, Pod, created_at, name_of, with_belongings,
};
use crate::page;

pub async fn list(cx: Cx, request: ListPods) -> Result<Page<PodSummary>, Fault> {
    let limit = limit(request.limit)?;
    let after = request.next.map(|next| next.parse::<PodName>()).transpose();
    let after = after.map_err(|error| page::not_a_cursor(&error.to_string()))?;
    let workload = with_belongings(&cx.agent.kubernetes, &request.target, cx.until).await?;
    let pods = workload.pods.iter().filter_map(to_summary);
    let rest = pods.filter(|pod| after.as_ref().is_none_or(|after| pod.pod > *after));
    Ok(page::fill(rest, limit, bytes, |pod| pod.pod.to_string()))
}

/// A generous bound of an item's size in JSON.
fn bytes(pod: &PodSummary) -> usize {
    let containers = pod.containers.iter();
    500 + containers.map(|c| 300 + c.image.len()).sum::<usize>()
}

fn to_summary(pod: &Pod) -> Option<PodSummary> {
    let status = pod.status.clone().unwrap_or_default();
    let statuses = &status.container_statuses;
    let restarts = statuses.iter().map(|s| restarts(Some(s))).sum();
    let owners = pod.metadata.owner_references.iter().flatten();
    let mut sets = owners.filter(|owner| owner.kind == "ReplicaSet");
    Some(PodSummary {
        pod: name_of(&pod.metadata).parse().ok()?,
        status: status_text(pod),
        ready: status.is_ready(),
        restarts,
        node: pod.spec.node_name.clone(),
        replica_set: sets.next().map(|owner| owner.name.clone()),
        created_at: created_at(&pod.metadata),
        containers: pod
            .spec
            .containers
            .iter()
            .filter_map(|c| to_container(c, statuses.iter().find(|s| s.name == c.name)))
            .collect(),
    })
}

fn to_container(
    container: &Container,
    status: Option<&ContainerStatus>,
) -> Option<ContainerSummary> {
    let (state, reason) = status.map_or(("unknown", None), |s| state(&s.state));
    Some(ContainerSummary {
        container: container.name.parse().ok()?,
        image: container.image.clone(),
        ready: status.is_some_and(|s| s.ready),
        restarts: restarts(status),
        state: state.to_owned(),
        reason: reason.filter(|r| !r.is_empty()),
    })
}

fn state(state: &ContainerState) -> (&'static str, Option<String>) {
    if state.running.is_some() {
        return ("running", None);
    }
    if let Some(end) = &state.terminated {
        return ("terminated", Some(end.reason.clone()));
    }
    match &state.waiting {
        Some(wait) => ("waiting", Some(wait.reason.clone())),
        None => ("unknown", None),
    }
}

fn restarts(status: Option<&ContainerStatus>) -> u32 {
    status.map_or(0, |s| u32::try_from(s.restart_count).unwrap_or(0))
}
