//! The revisions of a workload with their whole pod templates, in a form in which equal templates are equal.

use bus_schema::{Namespace, WorkloadKind, WorkloadRef};
use kube::core::{NotUsed, Object, ObjectMeta};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::owned::{TEMPLATE_HASH, selected};
use super::workload::{ReceivedWorkload, WorkloadStatus, revision_of};
use super::{CallError, Kubernetes, WorkloadObject, ask, is_controlled_by};

/// A ReplicaSet with its template.
pub type WholeReplicaSet = Object<WholeSpec, NotUsed>;

/// The part of a ReplicaSet's spec that is a revision.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct WholeSpec {
    template: Value,
}

/// The present and the earlier templates of a workload.
#[derive(Debug)]
pub struct History {
    /// The present one.
    pub template: Value,
    /// Those that a ReplicaSet or a ControllerRevision has, the newest first; the present one is usually among them.
    pub revisions: Vec<WholeRevision>,
}

/// A revision of a workload with its template.
#[derive(Debug)]
pub struct WholeRevision {
    /// The metadata of the ReplicaSet or the ControllerRevision.
    pub metadata: ObjectMeta,
    /// Its number, from 1.
    pub number: u64,
    /// Its pod template.
    pub template: Value,
}

impl History {
    /// The revision of this number.
    pub fn revision(&self, number: u64) -> Option<&WholeRevision> {
        self.revisions.iter().find(|it| it.number == number)
    }

    /// The newest revision with the present template.
    pub fn current(&self) -> Option<u64> {
        let mut revisions = self.revisions.iter();
        let current = revisions.find(|it| it.template == self.template);
        current.map(|it| it.number)
    }
}

/// Reads a workload with its history.
pub async fn with_history(
    kubernetes: &Kubernetes,
    target: &WorkloadRef,
    until: Instant,
) -> Result<(WorkloadObject, History), CallError> {
    let api = kubernetes.workloads::<Object<Value, WorkloadStatus>>(target.kind, &target.namespace);
    let received = ask(until, || api.get(target.name.as_str())).await?;
    let template = received.spec.get("template").cloned();
    let template = to_template(target.kind, template.unwrap_or_default());
    let lost = |error| CallError::AnswerLost(kube::Error::SerdeError(error));
    let workload = ReceivedWorkload {
        types: received.types,
        metadata: received.metadata,
        spec: serde_json::from_value(received.spec).map_err(lost)?,
        status: received.status,
    };
    let workload = WorkloadObject::new(target.kind, workload);
    let mut revisions = revisions(kubernetes, &target.namespace, &workload, until).await?;
    revisions.sort_by_key(|revision| std::cmp::Reverse(revision.number));
    Ok((
        workload,
        History {
            template,
            revisions,
        },
    ))
}

/// In no order. One without a number cannot be named, and is left out as kubectl does.
async fn revisions(
    kubernetes: &Kubernetes,
    namespace: &Namespace,
    workload: &WorkloadObject,
    until: Instant,
) -> Result<Vec<WholeRevision>, CallError> {
    let (kind, selected) = (workload.kind, selected(workload));
    let found: Vec<(ObjectMeta, Option<u64>, Value)> = match kind {
        WorkloadKind::Deployment => {
            let api = kubernetes.whole_replica_sets(namespace);
            let sets = ask(until, || api.list(&selected)).await?.items.into_iter();
            sets.map(|set| (revision_of(&set.metadata), set))
                .map(|(number, set)| (set.metadata, number, set.spec.template))
                .collect()
        }
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
            let api = kubernetes.controller_revisions(namespace);
            let revisions = ask(until, || api.list(&selected)).await?.items.into_iter();
            let template = |data: Value| data.pointer("/spec/template").cloned();
            revisions
                .filter_map(|it| {
                    let template = template(it.data?.0)?;
                    Some((it.metadata, u64::try_from(it.revision).ok(), template))
                })
                .collect()
        }
    };
    let uid = workload.metadata.uid.as_deref().unwrap_or_default();
    let own = found
        .into_iter()
        .filter(|(metadata, ..)| is_controlled_by(metadata, uid));
    let revision = |(metadata, number, template): (ObjectMeta, Option<u64>, Value)| {
        Some(WholeRevision {
            metadata,
            number: number.filter(|number| *number > 0)?,
            template: to_template(kind, template),
        })
    };
    Ok(own.filter_map(revision).collect())
}

/// A template without what the controllers add to it: the label of a ReplicaSet, the directive in a ControllerRevision, and nulls, which
/// some versions of Kubernetes write.
fn to_template(kind: WorkloadKind, mut template: Value) -> Value {
    if let Some(fields) = template.as_object_mut() {
        fields.remove("$patch");
    }
    let labels = template.pointer_mut("/metadata/labels");
    if let Some(labels) = labels.and_then(Value::as_object_mut)
        && kind == WorkloadKind::Deployment
    {
        labels.remove(TEMPLATE_HASH);
    }
    remove_nulls(&mut template);
    template
}

fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(remove_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_controllers_add_to_a_template_makes_no_difference() {
        let own = json!({ "metadata": { "labels": { "a": "b" } }, "spec": { "containers": [{ "name": "c" }] } });
        let mut of_set = own.clone();
        of_set["metadata"]["labels"][TEMPLATE_HASH] = json!("5d4f");
        assert_eq!(to_template(WorkloadKind::Deployment, of_set.clone()), own);
        // A StatefulSet's label of this name is its user's.
        assert_ne!(to_template(WorkloadKind::StatefulSet, of_set), own);
        let mut of_revision = own.clone();
        of_revision["$patch"] = json!("replace");
        of_revision["metadata"]["creationTimestamp"] = Value::Null;
        of_revision["spec"]["containers"][0]["resources"] = Value::Null;
        assert_eq!(to_template(WorkloadKind::DaemonSet, of_revision), own);
    }
}
