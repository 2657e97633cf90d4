//! The pods of a DaemonSet, each made for one node.

use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod,
    Toleration,
};

use super::history::{self, HASH};
use super::pod::pod_of;
use crate::admission::TEMPLATE_GENERATION;

pub const POD_GENERATION: &str = "pod-template-generation";

/// Taints of a node that do not keep a daemon away, with their effects.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

/// The pod for this node, from the template of the revision.
pub fn daemon_pod(set: &DaemonSet, revision: &ControllerRevision, node: &str, name: String) -> Pod {
    let template = history::template_of(revision).unwrap_or_default();
    let mut pod = pod_of(set, &template, name);
    let labels = pod.metadata.labels.get_or_insert_default();
    let hash = history::hash_of::<DaemonSet>(revision);
    labels.insert(HASH.to_owned(), hash.to_owned());
    let generation = set.metadata.annotations.as_ref();
    if let Some(generation) = generation.and_then(|own| own.get(TEMPLATE_GENERATION)) {
        labels.insert(POD_GENERATION.to_owned(), generation.clone());
    }
    let spec = pod.spec.get_or_insert_default();
    let affinity = spec.affinity.get_or_insert_default();
    aim_at(affinity, node);
    let tolerations = spec.tolerations.get_or_insert_default();
    tolerations.extend(TOLERATED.map(|(taint, effect)| Toleration {
        key: Some(taint.to_owned()),
        operator: Some("Exists".to_owned()),
        effect: Some(effect.to_owned()),
        ..Toleration::default()
    }));
    pod
}

fn aim_at(affinity: &mut Affinity, node: &str) {
    let this_node = NodeSelectorRequirement {
        key: "metadata.name".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.to_owned()]),
    };
    let term = NodeSelectorTerm {
        match_fields: Some(vec![this_node]),
        ..NodeSelectorTerm::default()
    };
    affinity.node_affinity = Some(NodeAffinity {
        required_during_scheduling_ignored_during_execution: Some(NodeSelector {
            node_selector_terms: vec![term],
        }),
        ..NodeAffinity::default()
    });
}

/// The node that the pod is on, or is made for.
pub fn node_of(pod: &Pod) -> Option<&str> {
    let spec = pod.spec.as_ref()?;
    spec.node_name.as_deref().or_else(|| aim_of(pod))
}

fn aim_of(pod: &Pod) -> Option<&str> {
    let affinity = pod.spec.as_ref()?.affinity.as_ref()?;
    let nodes = affinity.node_affinity.as_ref()?;
    let required = nodes
        .required_during_scheduling_ignored_during_execution
        .as_ref()?;
    let fields = required
        .node_selector_terms
        .first()?
        .match_fields
        .as_ref()?;
    let name = fields.iter().find(|field| field.key == "metadata.name")?;
    name.values.as_ref()?.first().map(String::as_str)
}
