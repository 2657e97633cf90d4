//! The body of a call that changes a workload and needs no other parameters.

use axum::Json;
use bus_schema::{
    ClusterName, Mutation, Namespace, WorkloadKind, WorkloadName, WorkloadRef, WriteGuard,
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;
use crate::problem_response::ProblemResponse;
use diagnostics::{Problem, ProblemCode};
use fleet::Done;

/// Which workload to change: by `deployment_name`, or by `kind` and `name`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"cluster": "cluster-a", "namespace": "default", "deployment_name": "fastapi-a"}))]
pub struct WorkloadBody {
    /// The cluster.
    cluster: ClusterName,
    /// The namespace.
    namespace: Namespace,
    /// The deployment.
    #[schema(nullable = false)]
    deployment_name: Option<WorkloadName>,
    /// The workload's kind, in place of `deployment_name`.
    #[schema(nullable = false)]
    kind: Option<WorkloadKind>,
    /// The workload's name, in place of `deployment_name`.
    #[schema(nullable = false)]
    name: Option<WorkloadName>,
}

impl WorkloadBody {
    /// Changes the workload: see [`fleet::Fleet::mutate`].
    pub async fn mutate<M: Mutation>(
        self,
        app: &App,
        caller: &Caller,
        mutation: impl FnOnce(WorkloadRef, WriteGuard) -> M,
    ) -> Result<Json<Done<M::Reply>>, ProblemResponse> {
        let (cluster, workload) = self.target()?;
        let mutation = mutation(workload, WriteGuard::default());
        let fleet = &app.fleet;
        let done = fleet.mutate(&caller.principal, &caller.source, &cluster, mutation);
        Ok(Json(done.await?))
    }

    /// The cluster, and the workload in it.
    ///
    /// # Errors
    /// [`ProblemCode::InvalidValue`] when the fields name no workload, or one in both forms.
    fn target(self) -> Result<(ClusterName, WorkloadRef), Problem> {
        let Self {
            cluster,
            namespace,
            deployment_name,
            kind,
            name,
        } = self;
        let workload = WorkloadRef::from_fields(namespace, deployment_name, kind, name);
        let workload = workload.map_err(|error| {
            Problem::new(ProblemCode::InvalidValue, error.to_string()).field("deployment_name")
        })?;
        Ok((cluster, workload))
    }
}
