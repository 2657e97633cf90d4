//! `get`: one workload from the API server, with the containers of its template.

use std::collections::BTreeMap;

use bus_schema::verb::{GetWorkload, TemplateContainer, Workload, WorkloadCondition};
use bus_schema::{Fault, FaultCode};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition};
use k8s_openapi::api::core::v1::Container;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::agent::Cx;
use crate::cache::count;
use crate::kubernetes::{RESTARTED_AT, ask, created_at, revision_of};
use crate::mutation::last_operation;

pub async fn get(cx: Cx, request: GetWorkload) -> Result<Workload, Fault> {
    let target = &request.target;
    let api = cx.agent.kubernetes.whole_deployments(&target.namespace);
    let deployment = ask(cx.until, || api.get(target.name.as_str())).await?;
    to_workload(request, deployment)
}

fn to_workload(request: GetWorkload, deployment: Deployment) -> Result<Workload, Fault> {
    let Deployment {
        metadata,
        spec,
        status,
    } = deployment;
    let spec = spec.unwrap_or_default();
    let template = spec.template.spec.unwrap_or_default();
    let init = template.init_containers.into_iter().flatten();
    let containers = init.map(|container| to_container(container, true)).chain(
        template
            .containers
            .into_iter()
            .map(|c| to_container(c, false)),
    );
    let annotations = spec.template.metadata.and_then(|meta| meta.annotations);
    let restarted_at = annotations.and_then(|all| all.get(RESTARTED_AT)?.parse().ok());
    let conditions = status.and_then(|status| status.conditions);
    Ok(Workload {
        target: request.target,
        created_at: created_at(&metadata),
        revision: revision_of(&metadata),
        replicas: count(spec.replicas.unwrap_or(1)),
        paused: spec.paused.unwrap_or(false),
        strategy: spec.strategy.and_then(|strategy| strategy.type_),
        restarted_at,
        operation_id: last_operation(&metadata),
        containers: containers.collect::<Result<_, _>>()?,
        conditions: conditions.into_iter().flatten().map(to_condition).collect(),
        uid: metadata.uid.unwrap_or_default(),
        labels: metadata.labels.unwrap_or_default(),
    })
}

fn to_container(container: Container, init: bool) -> Result<TemplateContainer, Fault> {
    let name = container.name.parse().map_err(|error| {
        let message = format!("a container of the template has an impossible name: {error}");
        Fault::new(FaultCode::Internal, message)
    })?;
    let resources = container.resources.unwrap_or_default();
    Ok(TemplateContainer {
        container: name,
        image: container.image.unwrap_or_default(),
        init,
        requests: quantities(resources.requests),
        limits: quantities(resources.limits),
    })
}

fn quantities(all: Option<BTreeMap<String, Quantity>>) -> BTreeMap<String, String> {
    let all = all.unwrap_or_default().into_iter();
    all.map(|(resource, Quantity(amount))| (resource, amount))
        .collect()
}

fn to_condition(condition: DeploymentCondition) -> WorkloadCondition {
    WorkloadCondition {
        kind: condition.type_,
        status: condition.status,
        reason: condition.reason.unwrap_or_default(),
        message: condition.message.unwrap_or_default(),
        since: condition.last_transition_time.map(|time| time.0),
    }
}
