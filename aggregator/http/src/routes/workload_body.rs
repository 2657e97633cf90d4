//! The bodies of calls that change a workload.

use axum::Json;
use bus_schema::{
    ClusterName, Mutation, Namespace, Reason, WorkloadKind, WorkloadName, WorkloadRef, WriteGuard,
};

use crate::app::App;
use crate::caller::Caller;
use crate::problem_response::ProblemResponse;
use diagnostics::{Problem, ProblemCode};
use fleet::Done;

/// Makes the body of a call that changes a workload: the fields that name it, the parameters of the change, and its
/// reason. Written out, since serde
/// can neither refuse unknown fields nor name a wrong one in a struct that is flattened into another.
macro_rules! workload_body {
    ($(#[$doc:meta])* $body:ident { $($(#[$parameter_doc:meta])* $parameter:ident: $type:ty,)* }) => {
        #[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
        $(#[$doc])*
        #[serde(deny_unknown_fields)]
        pub struct $body {
            /// The cluster.
            cluster: bus_schema::ClusterName,
            /// The namespace.
            namespace: bus_schema::Namespace,
            /// The deployment.
            #[schema(nullable = false)]
            deployment_name: Option<bus_schema::WorkloadName>,
            /// The workload's kind, in place of `deployment_name`.
            #[schema(nullable = false)]
            kind: Option<bus_schema::WorkloadKind>,
            /// The workload's name, in place of `deployment_name`.
            #[schema(nullable = false)]
            name: Option<bus_schema::WorkloadName>,
            $($(#[$parameter_doc])* $parameter: $type,)*
            /// Why the change is made, for the audit.
            #[schema(nullable = false)]
            reason: Option<bus_schema::Reason>,
            /// The name of the cluster, if it or the namespace is protected.
            #[schema(nullable = false)]
            confirm: Option<String>,
        }

        impl $crate::routes::workload_body::WorkloadChange for $body {
            type Parameters = ($($type,)*);

            fn into_parts(self) -> ($crate::routes::workload_body::Common, Self::Parameters) {
                let Self { cluster, namespace, deployment_name, kind, name, reason, confirm, $($parameter,)* } = self;
                let common = $crate::routes::workload_body::Common {
                    cluster, namespace, deployment_name, kind, name, reason, confirm,
                };
                (common, ($($parameter,)*))
            }
        }
    };
}

pub(super) use workload_body;

workload_body! {
    /// Which workload to change: by `deployment_name`, or by `kind` and `name`.
    #[schema(example = json!({"cluster": "cluster-a", "namespace": "default", "deployment_name": "fastapi-a"}))]
    WorkloadBody {}
}

/// A body made by [`workload_body`].
pub trait WorkloadChange: Sized {
    /// The parameters of the change, in their order.
    type Parameters;

    /// The fields that all of these bodies have, and the others.
    fn into_parts(self) -> (Common, Self::Parameters);

    /// Changes the workload: see [`fleet::Fleet::mutate`].
    async fn mutate<M: Mutation>(
        self,
        app: &App,
        caller: &Caller,
        mutation: impl FnOnce(WorkloadRef, WriteGuard, Self::Parameters) -> M,
    ) -> Result<Json<Done<M::Reply>>, ProblemResponse> {
        let (common, parameters) = self.into_parts();
        let mutation = |workload, guard| mutation(workload, guard, parameters);
        change(common, app, caller, mutation).await
    }
}

/// Changes the workload: see [`fleet::Fleet::mutate`].
pub async fn change<M: Mutation>(
    common: Common,
    app: &App,
    caller: &Caller,
    mutation: impl FnOnce(WorkloadRef, WriteGuard) -> M,
) -> Result<Json<Done<M::Reply>>, ProblemResponse> {
    let confirm = common.confirm.clone();
    let guard = WriteGuard {
        reason: common.reason.clone(),
        ..WriteGuard::default()
    };
    let (cluster, workload) = common.target()?;
    let mutation = mutation(workload, guard);
    let fleet = &app.fleet;
    let (principal, source) = (&caller.principal, &caller.source);
    let done = fleet.mutate(principal, source, &cluster, mutation, confirm.as_deref());
    Ok(Json(done.await?))
}

/// The fields that all bodies have: those that name the workload, and the reason.
#[derive(Clone)]
pub struct Common {
    pub cluster: ClusterName,
    pub namespace: Namespace,
    pub deployment_name: Option<WorkloadName>,
    pub kind: Option<WorkloadKind>,
    pub name: Option<WorkloadName>,
    pub reason: Option<Reason>,
    pub confirm: Option<String>,
}

impl Common {
    /// The cluster, and the workload in it.
    ///
    /// # Errors
    /// [`ProblemCode::InvalidValue`] when the fields name no workload, or one in both forms.
    pub fn target(self) -> Result<(ClusterName, WorkloadRef), Problem> {
        let Self {
            cluster,
            namespace,
            deployment_name,
            kind,
            name,
            reason: _,
            confirm: _,
        } = self;
        let workload = WorkloadRef::from_fields(namespace, deployment_name, kind, name);
        let workload = workload.map_err(|error| {
            Problem::new(ProblemCode::InvalidValue, error.to_string()).field("deployment_name")
        })?;
        Ok((cluster, workload))
    }
}
