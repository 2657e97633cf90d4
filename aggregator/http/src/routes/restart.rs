//! `POST /restart`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bus_schema::verb::{Restart, Restarted};
use bus_schema::{
    ClusterName, Namespace, Pattern, Reason, Request as _, WorkloadKind, WorkloadName,
};
use serde::Deserialize;
use serde_json::Map;
use utoipa::ToSchema;

use super::runs::accepted;
use super::workload_body::{Common, change};
use crate::app::App;
use crate::caller::Caller;
use crate::extract;
use crate::problem_response::ProblemResponse;
use ::runs::{Consent, RunSpec, RunView, Strategy, TargetSelector};
use diagnostics::{Problem, ProblemCode};
use fleet::Done;

/// What to restart: one workload, or without a name all of a namespace, or without a namespace all of a cluster.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"cluster": "cluster-a", "namespace": "default", "deployment_name": "fastapi-a"}))]
pub struct RestartBody {
    /// The cluster.
    cluster: ClusterName,
    /// The namespace; without it all namespaces are meant.
    #[schema(nullable = false)]
    namespace: Option<Namespace>,
    /// The deployment; without it all of the namespace are meant.
    #[schema(nullable = false)]
    deployment_name: Option<WorkloadName>,
    /// The workload's kind, in place of `deployment_name`.
    #[schema(nullable = false)]
    kind: Option<WorkloadKind>,
    /// The workload's name, in place of `deployment_name`.
    #[schema(nullable = false)]
    name: Option<WorkloadName>,
    /// Only those whose labels this Kubernetes label selector selects; not with a name.
    #[schema(nullable = false)]
    label_selector: Option<String>,
    /// Why, for the audit.
    #[schema(nullable = false)]
    reason: Option<Reason>,
    /// The name of the cluster, if it or a namespace is protected.
    #[schema(nullable = false)]
    confirm: Option<String>,
}

/// Restart a workload, or many
///
/// Like `kubectl rollout restart`. With a name it responds when the cluster has accepted the change; follow the rollout with
/// `GET /workloads/{cluster}/{namespace}/{kind}/{name}/rollout/watch`. Without a name all workloads of the namespace, or without a
/// namespace all of the cluster, are restarted in a run with the default strategy: the response is 202 with the run, whose path is in
/// `Location`. `POST /runs` has a preview, other strategies, and several clusters.
#[utoipa::path(post, path = "/restart", tag = "Workloads", request_body = RestartBody,
    responses((status = 200, description = "What was changed; the rollout goes on", body = Done<Restarted>),
        (status = 202, description = "A run was created; `Location` is its path", body = RunView), ProblemResponse))]
pub async fn restart_deployment(
    State(app): State<App>,
    caller: Caller,
    extract::Json(body): extract::Json<RestartBody>,
) -> Result<Response, ProblemResponse> {
    if body.deployment_name.is_none() && body.kind.is_none() && body.name.is_none() {
        let confirm = body.confirm.clone();
        let consent = Consent {
            plan_hash: None,
            confirm: confirm.as_deref(),
        };
        let (runs, spec) = (&app.runs, body.into_spec());
        let run = runs.create(&caller.principal, &caller.source, spec, consent);
        return accepted(&RunView::from(&*run.await?));
    }
    let common = body.into_common()?;
    let restarted: Json<Done<Restarted>> = change(common, &app, &caller, |target, guard| Restart {
        target,
        guard,
    })
    .await?;
    Ok(restarted.into_response())
}

impl RestartBody {
    fn into_spec(self) -> RunSpec {
        let namespaces = self.namespace.iter().map(Pattern::from).collect();
        RunSpec {
            action: Restart::VERB.to_owned(),
            parameters: Map::new(),
            reason: self.reason,
            targets: TargetSelector {
                clusters: vec![Pattern::from(&self.cluster)],
                namespaces,
                label_selector: self.label_selector,
                ..TargetSelector::default()
            },
            strategy: Strategy::default(),
            not_before: None,
            expires_at: None,
        }
    }

    fn into_common(self) -> Result<Common, Problem> {
        let wrong = |field: &'static str, why| {
            Problem::new(ProblemCode::InvalidValue, format!("{field}: {why}")).field(field)
        };
        if self.label_selector.is_some() {
            return Err(wrong(
                "label_selector",
                "leave it out with a name, or leave the name out",
            ));
        }
        let namespace = self.namespace;
        Ok(Common {
            cluster: self.cluster,
            namespace: namespace
                .ok_or_else(|| wrong("namespace", "a workload with a name needs it"))?,
            deployment_name: self.deployment_name,
            kind: self.kind,
            name: self.name,
            reason: self.reason,
            confirm: self.confirm,
        })
    }
}
