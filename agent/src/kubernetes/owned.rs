//! What belongs to a workload: its revisions, and its pods.

use bus_schema::{Namespace, WorkloadKind, WorkloadRef};
use kube::api::ListParams;
use kube::core::{ObjectMeta, Selector};
use tokio::time::Instant;

use super::workload::revision_of;
use super::{CallError, Kubernetes, Pod, WorkloadObject, ask, is_controlled_by, name_of};

/// The label that distinguishes a ReplicaSet's pods from those of the deployment's other ReplicaSets.
pub const TEMPLATE_HASH: &str = "pod-template-hash";

/// The label that distinguishes the pods of one ControllerRevision from those of the others.
const REVISION_HASH: &str = "controller-revision-hash";

/// A workload with its pods, ordered by name.
pub struct Belongings {
    /// The workload.
    pub workload: WorkloadObject,
    /// What controls the pods: a Deployment's ReplicaSets, old and new, or the workload itself.
    pub controllers: Vec<ObjectMeta>,
    /// The pods.
    pub pods: Vec<Pod>,
}

/// A revision of a workload.
pub struct Revision {
    /// The metadata of the ReplicaSet or the ControllerRevision.
    pub metadata: ObjectMeta,
    /// Its number, from 1.
    pub number: Option<u64>,
}

/// Reads a workload.
pub async fn read_workload(
    kubernetes: &Kubernetes,
    target: &WorkloadRef,
    until: Instant,
) -> Result<WorkloadObject, CallError> {
    let api = kubernetes.workloads(target.kind, &target.namespace);
    let received = ask(until, || api.get(target.name.as_str())).await?;
    Ok(WorkloadObject::new(target.kind, received))
}

/// Reads a workload and its pods.
pub async fn with_belongings(
    kubernetes: &Kubernetes,
    target: &WorkloadRef,
    until: Instant,
) -> Result<Belongings, CallError> {
    let workload = read_workload(kubernetes, target, until).await?;
    belongings(kubernetes, &target.namespace, workload, until).await
}

/// Reads the pods of a workload. The selector only narrows the lists; the owner references decide, since selectors of two workloads may
/// overlap.
pub async fn belongings(
    kubernetes: &Kubernetes,
    namespace: &Namespace,
    workload: WorkloadObject,
    until: Instant,
) -> Result<Belongings, CallError> {
    let (selected, pods) = (selected(&workload), kubernetes.pods(namespace));
    let (controllers, pods) = tokio::try_join!(
        controllers(kubernetes, namespace, &workload, until),
        ask(until, || pods.list(&selected)),
    )?;
    let mut pods = pods.items;
    pods.retain(|pod| {
        let mut uids = controllers.iter().filter_map(|it| it.uid.as_deref());
        uids.any(|uid| is_controlled_by(&pod.metadata, uid))
    });
    pods.sort_by(|a, b| name_of(&a.metadata).cmp(name_of(&b.metadata)));
    Ok(Belongings {
        workload,
        controllers,
        pods,
    })
}

async fn controllers(
    kubernetes: &Kubernetes,
    namespace: &Namespace,
    workload: &WorkloadObject,
    until: Instant,
) -> Result<Vec<ObjectMeta>, CallError> {
    if workload.kind != WorkloadKind::Deployment {
        return Ok(vec![workload.metadata.clone()]);
    }
    let history = history(kubernetes, namespace, workload, until).await?;
    Ok(history.into_iter().map(|it| it.metadata).collect())
}

/// Reads the revisions of a workload: the ReplicaSets or ControllerRevisions that it controls, old and new.
pub async fn history(
    kubernetes: &Kubernetes,
    namespace: &Namespace,
    workload: &WorkloadObject,
    until: Instant,
) -> Result<Vec<Revision>, CallError> {
    let selected = selected(workload);
    let mut history: Vec<Revision> = match workload.kind {
        WorkloadKind::Deployment => {
            let api = kubernetes.replica_sets(namespace);
            let sets = ask(until, || api.list(&selected)).await?.items;
            let revision = |metadata: ObjectMeta| Revision {
                number: revision_of(&metadata),
                metadata,
            };
            sets.into_iter().map(|set| revision(set.metadata)).collect()
        }
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
            let api = kubernetes.controller_revisions(namespace);
            let revisions = ask(until, || api.list(&selected)).await?.items;
            let revision = |number| u64::try_from(number).ok();
            revisions
                .into_iter()
                .map(|it| Revision {
                    number: revision(it.revision),
                    metadata: it.metadata,
                })
                .collect()
        }
    };
    let uid = workload.metadata.uid.as_deref().unwrap_or_default();
    history.retain(|revision| is_controlled_by(&revision.metadata, uid));
    Ok(history)
}

/// How the pods of a workload are found, without the workload itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    kind: WorkloadKind,
    uid: Box<str>,
    selector: Option<Box<str>>,
    /// The label of a StatefulSet's newest pods.
    newest: Option<Box<str>>,
}

impl Owner {
    /// For the pods of this workload.
    pub fn of(workload: &WorkloadObject) -> Self {
        let status = workload.status.as_ref();
        let newest = status.map(|status| status.update_revision.as_str());
        let newest = newest.filter(|revision| !revision.is_empty());
        Self {
            kind: workload.kind,
            uid: workload.metadata.uid.as_deref().unwrap_or_default().into(),
            selector: selected(workload).label_selector.map(Into::into),
            newest: newest.map(|revision| format!("{REVISION_HASH}={revision}").into()),
        }
    }

    fn selected(&self) -> ListParams {
        match &self.selector {
            Some(selector) => ListParams::default().labels(selector),
            None => ListParams::default(),
        }
    }
}

/// At most `most` pods of a workload's newest revision, ordered by name; of a DaemonSet, of any.
pub async fn newest_pods(
    kubernetes: &Kubernetes,
    namespace: &Namespace,
    owner: &Owner,
    most: u32,
    until: Instant,
) -> Result<Vec<Pod>, CallError> {
    let (controller, label) = match owner.kind {
        WorkloadKind::Deployment => match newest_set(kubernetes, namespace, owner, until).await? {
            Some(newest) => newest,
            None => return Ok(Vec::new()),
        },
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
            let newest = owner.newest.as_deref();
            (owner.uid.to_string(), newest.map(str::to_owned))
        }
    };
    let mut selected = owner.selected();
    if let (Some(label), Some(selector)) = (label, &owner.selector) {
        selected = selected.labels(&format!("{selector},{label}"));
    }
    let (pods, selected) = (kubernetes.pods(namespace), selected.limit(most));
    let mut pods = ask(until, || pods.list(&selected)).await?.items;
    pods.retain(|pod| is_controlled_by(&pod.metadata, &controller));
    pods.sort_by(|a, b| name_of(&a.metadata).cmp(name_of(&b.metadata)));
    Ok(pods)
}

/// The uid of a Deployment's newest ReplicaSet, and the label of its pods.
async fn newest_set(
    kubernetes: &Kubernetes,
    namespace: &Namespace,
    owner: &Owner,
    until: Instant,
) -> Result<Option<(String, Option<String>)>, CallError> {
    let (api, selected) = (kubernetes.replica_sets(namespace), owner.selected());
    let sets = ask(until, || api.list(&selected)).await?.items;
    let own = sets
        .iter()
        .filter(|set| is_controlled_by(&set.metadata, &owner.uid));
    let newest = own.max_by_key(|set| revision_of(&set.metadata));
    Ok(newest.map(|set| {
        let labels = set.metadata.labels.as_ref();
        let hash = labels.and_then(|labels| labels.get(TEMPLATE_HASH));
        let label = hash.map(|hash| format!("{TEMPLATE_HASH}={hash}"));
        (set.metadata.uid.clone().unwrap_or_default(), label)
    }))
}

/// The workload's own selector; one that cannot be expressed in a query narrows nothing.
pub fn selected(workload: &WorkloadObject) -> ListParams {
    match Selector::try_from(workload.spec.selector.clone()) {
        Ok(selector) => ListParams::default().labels_from(&selector),
        Err(_) => ListParams::default(),
    }
}
