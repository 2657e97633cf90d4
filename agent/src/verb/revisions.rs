//! `revisions`: what `kubectl rollout history` shows, and the templates of two revisions.

mod hidden;

use bus_schema::verb::{
    ImageNow, ListRevisions, MAX_CAUSE_CHARS, MAX_REVISIONS, RevisionSummary, Revisions,
};
use bus_schema::{Fault, FaultCode, WorkloadKind};
use kube::core::ObjectMeta;
use serde_json::Value;

use crate::agent::Cx;
use crate::kubernetes::{History, WholeRevision, WorkloadObject, created_at, with_history};
use crate::mutation::{CHANGE_CAUSE, operation_of};
use hidden::Hidden;

pub async fn list(cx: Cx, request: ListRevisions) -> Result<Revisions, Fault> {
    let kubernetes = &cx.agent.kubernetes;
    let (workload, history) = with_history(kubernetes, &request.target, cx.until).await?;
    if let Some(unknown) = unknown(&request.templates, &history) {
        return Err(no_template(unknown));
    }
    let current = history.current();
    let mut hidden = Hidden::default();
    let wanted = |number| request.templates.contains(&number);
    let revisions = (0..).zip(history.revisions);
    let revisions = revisions.filter(|(at, it)| *at < MAX_REVISIONS || wanted(it.number));
    let items = revisions.map(|(_, revision)| {
        let is_current = current == Some(revision.number);
        let with_template = wanted(revision.number);
        let mut summary = to_summary(&revision, is_current.then_some(&workload));
        summary.template = with_template.then(|| hidden.hide(revision.template));
        summary
    });
    Ok(Revisions {
        items: items.collect(),
        target: request.target,
    })
}

fn unknown(wanted: &[u64], history: &History) -> Option<u64> {
    let mut wanted = wanted.iter().copied();
    wanted.find(|number| history.revision(*number).is_none())
}

/// `present`: the workload, if this is its present revision.
fn to_summary(revision: &WholeRevision, present: Option<&WorkloadObject>) -> RevisionSummary {
    // A ControllerRevision that is restored keeps its annotations; a ReplicaSet gets those of its Deployment.
    let of_workload = present.filter(|workload| workload.kind != WorkloadKind::Deployment);
    let cause = of_workload
        .and_then(|workload| cause_of(&workload.metadata))
        .or_else(|| cause_of(&revision.metadata));
    RevisionSummary {
        revision: revision.number,
        current: present.is_some(),
        created_at: created_at(&revision.metadata),
        operation_id: cause.and_then(operation_of),
        change_cause: cause.map(|cause| cause.chars().take(MAX_CAUSE_CHARS).collect()),
        images: images_of(&revision.template),
        template: None,
    }
}

fn cause_of(metadata: &ObjectMeta) -> Option<&str> {
    let annotations = metadata.annotations.as_ref()?;
    annotations.get(CHANGE_CAUSE).map(String::as_str)
}

fn images_of(template: &Value) -> Vec<ImageNow> {
    let lists = ["initContainers", "containers"].map(|list| template["spec"][list].as_array());
    let containers = lists.into_iter().flatten().flatten();
    let image = |container: &Value| {
        Some(ImageNow {
            container: container["name"].as_str()?.parse().ok()?,
            image: container["image"].as_str().unwrap_or_default().to_owned(),
        })
    };
    containers.filter_map(image).collect()
}

fn no_template(revision: u64) -> Fault {
    let message = format!("templates: the cluster has no revision {revision}");
    Fault {
        field: Some("templates".to_owned()),
        ..Fault::new(FaultCode::NotFound, message)
    }
}
