//! The object that a mutation changes: read, and patched on the condition that it has not changed since.

use bus_schema::WorkloadRef;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Change, Seen};
use crate::agent::Cx;
use crate::kubernetes::{
    CallError, FIELD_MANAGER, Kubernetes, ReceivedWorkload, WorkloadObject, ask, with_history,
};

/// A workload in the API server, for calls with a deadline.
pub struct Object<'a> {
    kubernetes: &'a Kubernetes,
    api: Api<ReceivedWorkload>,
    workload: &'a WorkloadRef,
    until: Instant,
}

impl<'a> Object<'a> {
    pub fn new(cx: &'a Cx, workload: &'a WorkloadRef, until: Instant) -> Self {
        let kubernetes = &cx.agent.kubernetes;
        Self {
            kubernetes,
            api: kubernetes.workloads(workload.kind, &workload.namespace),
            workload,
            until,
        }
    }

    pub async fn read(&self) -> Result<WorkloadObject, CallError> {
        let received = ask(self.until, || self.api.get(self.workload.name.as_str())).await?;
        Ok(WorkloadObject::new(self.workload.kind, received))
    }

    /// The object and what else the mutation depends on.
    pub async fn read_for<M: Change>(&self) -> Result<Seen, CallError> {
        if !M::NEEDS_HISTORY {
            return self.read().await.map(Seen::from);
        }
        let read = with_history(self.kubernetes, self.workload, self.until);
        read.await.map(Seen::from)
    }

    /// Fails with 409 if the object has changed since `seen`.
    pub async fn patch(
        &self,
        seen: &WorkloadObject,
        mut patch: Value,
    ) -> Result<WorkloadObject, CallError> {
        patch["metadata"]["resourceVersion"] = json!(seen.metadata.resource_version);
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patch = Patch::Strategic(patch);
        let name = self.workload.name.as_str();
        let patched = ask(self.until, || self.api.patch(name, &params, &patch)).await?;
        Ok(WorkloadObject::new(self.workload.kind, patched))
    }
}
