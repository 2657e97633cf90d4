//! `resume`: what `kubectl rollout resume` does.

use bus_schema::Fault;
use bus_schema::verb::{Paused, Resume};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kubernetes::Deployment;
use crate::mutation::Change;

impl Change for Resume {
    fn patch(&self, _: &Deployment, _: Timestamp) -> Result<Value, Fault> {
        Ok(json!({ "spec": { "paused": false } }))
    }

    fn reply(&self, after: &Deployment) -> Paused {
        Paused {
            target: self.target.clone(),
            paused: after.spec.paused,
        }
    }
}
