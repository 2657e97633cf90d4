//! `resume`: what `kubectl rollout resume` does.

use bus_schema::Fault;
use bus_schema::verb::{Paused, Resume};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kubernetes::WorkloadObject;
use crate::mutation::{Change, Seen};

impl Change for Resume {
    fn patch(&self, _: &Seen, _: Timestamp) -> Result<Value, Fault> {
        Ok(json!({ "spec": { "paused": false } }))
    }

    fn reply(&self, after: &WorkloadObject) -> Paused {
        Paused {
            target: self.target.clone(),
            paused: after.spec.paused,
        }
    }
}
