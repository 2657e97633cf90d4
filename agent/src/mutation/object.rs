//! The object that a mutation changes: read, and patched on the condition that it has not changed since.

use bus_schema::{WorkloadKind, WorkloadRef};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::agent::Cx;
use crate::kubernetes::{CallError, FIELD_MANAGER, ReceivedWorkload, WorkloadObject, ask};

/// A workload in the API server, for calls with a deadline.
pub struct Object<'a> {
    api: Api<ReceivedWorkload>,
    kind: WorkloadKind,
    name: &'a str,
    until: Instant,
}

impl<'a> Object<'a> {
    pub fn new(cx: &Cx, workload: &'a WorkloadRef, until: Instant) -> Self {
        let kubernetes = &cx.agent.kubernetes;
        Self {
            api: kubernetes.workloads(workload.kind, &workload.namespace),
            kind: workload.kind,
            name: workload.name.as_str(),
            until,
        }
    }

    pub async fn read(&self) -> Result<WorkloadObject, CallError> {
        let received = ask(self.until, || self.api.get(self.name)).await?;
        Ok(WorkloadObject::new(self.kind, received))
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
        let patched = ask(self.until, || self.api.patch(self.name, &params, &patch)).await?;
        Ok(WorkloadObject::new(self.kind, patched))
    }
}
