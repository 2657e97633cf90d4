//! `get`: one workload from the API server, with the containers of its template.

use std::collections::BTreeMap;

use bus_schema::verb::{GetWorkload, TemplateContainer, Workload, WorkloadCondition};
use bus_schema::{Fault, FaultCode};
use k8s_openapi::api::core::v1::{Container, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::core::Object;
use serde::Deserialize;

use crate::agent::Cx;
use crate::cache::count;
use crate::kubernetes::{RESTARTED_AT, ask, created_at, revision_of};
use crate::mutation::last_operation;

/// A workload of any kind with its whole template.
type Whole = Object<WholeSpec, WholeStatus>;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WholeSpec {
    replicas: Option<i32>,
    paused: bool,
    strategy: Option<Strategy>,
    update_strategy: Option<Strategy>,
    template: PodTemplateSpec,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Strategy {
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WholeStatus {
    conditions: Vec<Condition>,
    /// Of a DaemonSet.
    desired_number_scheduled: Option<i32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: String,
    message: String,
    last_transition_time: Option<Time>,
}

pub async fn get(cx: Cx, request: GetWorkload) -> Result<Workload, Fault> {
    let target = &request.target;
    let kubernetes = &cx.agent.kubernetes;
    let api = kubernetes.workloads(target.kind, &target.namespace);
    let whole = ask(cx.until, || api.get(target.name.as_str())).await?;
    to_workload(request, whole)
}

fn to_workload(request: GetWorkload, whole: Whole) -> Result<Workload, Fault> {
    let Object {
        metadata,
        spec,
        status,
        ..
    } = whole;
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
    let status = status.unwrap_or_default();
    let replicas = status.desired_number_scheduled.or(spec.replicas);
    let strategy = spec.update_strategy.or(spec.strategy);
    Ok(Workload {
        target: request.target,
        created_at: created_at(&metadata),
        revision: revision_of(&metadata),
        replicas: count(replicas.unwrap_or(1)),
        paused: spec.paused,
        strategy: strategy.and_then(|strategy| strategy.kind),
        restarted_at,
        operation_id: last_operation(&metadata),
        containers: containers.collect::<Result<_, _>>()?,
        conditions: status.conditions.into_iter().map(to_condition).collect(),
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

fn to_condition(condition: Condition) -> WorkloadCondition {
    WorkloadCondition {
        kind: condition.kind,
        status: condition.status,
        reason: condition.reason,
        message: condition.message,
        since: condition.last_transition_time.map(|time| time.0),
    }
}
