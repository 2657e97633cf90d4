//! What belongs to a deployment: its ReplicaSets, and their pods.

use bus_schema::{Namespace, WorkloadRef};
use kube::api::ListParams;
use kube::core::Selector;
use tokio::time::Instant;

use super::{
    CallError, Deployment, Kubernetes, Pod, ReplicaSet, ask, is_controlled_by, name_of, revision_of,
};

/// The label that distinguishes a ReplicaSet's pods from those of the deployment's other ReplicaSets.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// A deployment with its ReplicaSets and pods, ordered by name.
pub struct Workload {
    /// The deployment.
    pub deployment: Deployment,
    /// The ReplicaSets that it controls, old and new.
    pub replica_sets: Vec<ReplicaSet>,
    /// The pods of those ReplicaSets.
    pub pods: Vec<Pod>,
}

/// Reads a deployment with its ReplicaSets and pods.
pub async fn workload(
    kubernetes: &Kubernetes,
    target: &WorkloadRef,
    until: Instant,
) -> Result<Workload, CallError> {
    let deployments = kubernetes.deployments(&target.namespace);
    let deployment = ask(until, || deployments.get(target.name.as_str())).await?;
    belongings(kubernetes, &target.namespace, deployment, until).await
}

/// Reads the ReplicaSets and pods of a deployment. The selector only narrows the lists; the owner references decide, since selectors of
/// two deployments may overlap.
pub async fn belongings(
    kubernetes: &Kubernetes,
    namespace: &Namespace,
    deployment: Deployment,
    until: Instant,
) -> Result<Workload, CallError> {
    let (selected, pods) = (selected(&deployment), kubernetes.pods(namespace));
    let (replica_sets, pods) = tokio::try_join!(
        replica_sets(kubernetes, namespace, &deployment, until),
        ask(until, || pods.list(&selected)),
    )?;
    let mut pods = pods.items;
    pods.retain(|pod| {
        let mut sets = replica_sets
            .iter()
            .filter_map(|set| set.metadata.uid.as_deref());
        sets.any(|uid| is_controlled_by(&pod.metadata, uid))
    });
    pods.sort_by(|a, b| name_of(&a.metadata).cmp(name_of(&b.metadata)));
    Ok(Workload {
        deployment,
        replica_sets,
        pods,
    })
}

/// Reads the ReplicaSets that a deployment controls, old and new.
pub async fn replica_sets(
    kubernetes: &Kubernetes,
    namespace: &Namespace,
    deployment: &Deployment,
    until: Instant,
) -> Result<Vec<ReplicaSet>, CallError> {
    let (api, selected) = (kubernetes.replica_sets(namespace), selected(deployment));
    let mut sets = ask(until, || api.list(&selected)).await?.items;
    let uid = deployment.metadata.uid.as_deref().unwrap_or_default();
    sets.retain(|set| is_controlled_by(&set.metadata, uid));
    Ok(sets)
}

/// How the pods of a deployment are found, without the deployment itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    uid: Box<str>,
    selector: Option<Box<str>>,
}

impl Owner {
    /// For the pods of this deployment.
    pub fn of(deployment: &Deployment) -> Self {
        Self {
            uid: deployment
                .metadata
                .uid
                .as_deref()
                .unwrap_or_default()
                .into(),
            selector: selected(deployment).label_selector.map(Into::into),
        }
    }

    fn selected(&self) -> ListParams {
        match &self.selector {
            Some(selector) => ListParams::default().labels(selector),
            None => ListParams::default(),
        }
    }
}

/// At most `most` pods of a deployment's newest ReplicaSet, ordered by name.
pub async fn newest_pods(
    kubernetes: &Kubernetes,
    namespace: &Namespace,
    owner: &Owner,
    most: u32,
    until: Instant,
) -> Result<Vec<Pod>, CallError> {
    let (replica_sets, pods) = (
        kubernetes.replica_sets(namespace),
        kubernetes.pods(namespace),
    );
    let selected = owner.selected();
    let sets = ask(until, || replica_sets.list(&selected)).await?.items;
    let own = sets
        .iter()
        .filter(|set| is_controlled_by(&set.metadata, &owner.uid));
    let Some(newest) = own.max_by_key(|set| revision_of(&set.metadata)) else {
        return Ok(Vec::new());
    };
    let hash = newest
        .metadata
        .labels
        .iter()
        .flatten()
        .find(|(label, _)| *label == TEMPLATE_HASH);
    let of_newest = match (hash, &selected.label_selector) {
        (Some((label, hash)), Some(selector)) => selected
            .clone()
            .labels(&format!("{selector},{label}={hash}")),
        _ => selected,
    };
    let of_newest = of_newest.limit(most);
    let mut pods = ask(until, || pods.list(&of_newest)).await?.items;
    let uid = newest.metadata.uid.as_deref().unwrap_or_default();
    pods.retain(|pod| is_controlled_by(&pod.metadata, uid));
    pods.sort_by(|a, b| name_of(&a.metadata).cmp(name_of(&b.metadata)));
    Ok(pods)
}

/// The deployment's own selector; one that cannot be expressed in a query narrows nothing.
fn selected(deployment: &Deployment) -> ListParams {
    match Selector::try_from(deployment.spec.selector.clone()) {
        Ok(selector) => ListParams::default().labels_from(&selector),
        Err(_) => ListParams::default(),
    }
}
