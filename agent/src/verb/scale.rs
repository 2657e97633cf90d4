//! `scale`: what `kubectl scale` does, but as a patch of the workload itself: its subresource `scale` has no annotation that could record
//! the operation.

use bus_schema::verb::{Scale, Scaled};
use bus_schema::{Fault, FaultCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kubernetes::WorkloadObject;
use crate::mutation::{Change, Seen};
use crate::rollout::wanted;

impl Change for Scale {
    fn patch(&self, seen: &Seen, _: Timestamp) -> Result<Value, Fault> {
        let present = replicas_of(seen);
        if let Some(expected) = self.current_replicas.filter(|number| *number != present) {
            return Err(changed(expected, present));
        }
        Ok(json!({ "spec": { "replicas": self.replicas } }))
    }

    fn reply(&self, after: &WorkloadObject) -> Scaled {
        Scaled {
            target: self.target.clone(),
            replicas: replicas_of(after),
        }
    }
}

/// The API server accepts no negative number.
fn replicas_of(workload: &WorkloadObject) -> u32 {
    wanted(workload).unsigned_abs()
}

fn changed(expected: u32, present: u32) -> Fault {
    let are = if present == 1 { "is" } else { "are" };
    let message = format!(
        "current_replicas: expected {expected} replicas, but there {are} {present}; nothing was done"
    );
    Fault {
        field: Some("current_replicas".to_owned()),
        ..Fault::new(FaultCode::ReplicasChanged, message)
    }
}
