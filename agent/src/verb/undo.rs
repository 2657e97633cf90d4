//! `undo`: what `kubectl rollout undo --to-revision` does, but annotations that were added since stay.

mod last_applied;

use std::collections::BTreeMap;

use bus_schema::verb::{Undo, Undone};
use bus_schema::{Fault, FaultCode, WorkloadKind};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::image::images_of;
use crate::kubernetes::{History, WholeRevision, WorkloadObject};
use crate::mutation::{Change, Seen};

/// Annotations that are not of a revision: those of the controller, of kubectl, why a revision was made, and this project's operations.
const NOT_OF_A_REVISION: [&str; 5] = [
    "deployment.kubernetes.io/",
    "deprecated.deployment.rollback.to",
    "kubectl.kubernetes.io/last-applied-configuration",
    "kubernetes.io/change-cause",
    "multi-cluster-aggregator/",
];

impl Change for Undo {
    const NEEDS_HISTORY: bool = true;

    fn patch(&self, seen: &Seen, _: Timestamp) -> Result<Value, Fault> {
        let (history, revision) = restored(self, seen)?;
        if seen.spec.paused {
            let message = "the deployment is paused and would not roll back; resume it first \
                           (kubectl rollout resume)";
            return Err(Fault::new(FaultCode::Paused, message));
        }
        if revision.template == history.template {
            return Ok(json!({}));
        }
        let mut template = revision.template.clone();
        // Without it, containers and variables that the revision does not have would stay.
        template["$patch"] = json!("replace");
        let mut patch = json!({ "spec": { "template": template } });
        if seen.kind == WorkloadKind::Deployment {
            patch["metadata"]["annotations"] = json!(annotations(revision));
        }
        Ok(patch)
    }

    fn begins_revision(&self, seen: &Seen) -> bool {
        restored(self, seen).is_ok_and(|(history, revision)| revision.template != history.template)
    }

    fn reply(&self, after: &WorkloadObject) -> Undone {
        Undone {
            target: self.target.clone(),
            to_revision: self.to_revision,
            unchanged: false,
            images: images_of(after),
            warnings: Vec::new(),
        }
    }

    fn first_reply(&self, seen: &Seen, after: &WorkloadObject) -> Undone {
        let mut reply = self.reply(after);
        if let Ok((history, revision)) = restored(self, seen) {
            reply.unchanged = revision.template == history.template;
            let warning =
                last_applied::warning(&seen.metadata, &history.template, &revision.template);
            reply.warnings.extend(warning);
        }
        reply
    }
}

/// The history, and the revision in it that is restored.
fn restored<'a>(undo: &Undo, seen: &'a Seen) -> Result<(&'a History, &'a WholeRevision), Fault> {
    let Some(history) = seen.history() else {
        return Err(Fault::new(FaultCode::Internal, "the history was not read"));
    };
    let revision = history.revision(undo.to_revision);
    let revision = revision.ok_or_else(|| unknown(undo.to_revision, history))?;
    Ok((history, revision))
}

/// The annotations that the Deployment had when the revision was its present one. A patch adds them to those that it has.
fn annotations(revision: &WholeRevision) -> BTreeMap<&str, &str> {
    let all = revision.metadata.annotations.iter().flatten();
    let is_own = |key: &str| {
        !NOT_OF_A_REVISION
            .iter()
            .any(|prefix| key.starts_with(prefix))
    };
    all.filter(|(key, _)| is_own(key))
        .map(|(key, value)| (&**key, &**value))
        .collect()
}

fn unknown(revision: u64, history: &History) -> Fault {
    let numbers: Vec<_> = history
        .revisions
        .iter()
        .map(|it| it.number.to_string())
        .collect();
    let there = match &*numbers {
        [] => "the cluster has no revision of it".to_owned(),
        numbers => format!("the cluster has {}", numbers.join(", ")),
    };
    let message =
        format!("to_revision: there is no revision {revision}; {there}; nothing was done");
    Fault {
        field: Some("to_revision".to_owned()),
        ..Fault::new(FaultCode::NotFound, message)
    }
}
