//! The numbered pods of a StatefulSet.

use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::api::core::v1::Pod;

use super::daemon::POD_GENERATION;
use super::history::{self, HASH};
use super::pod::pod_of;

const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// The labels that differ from pod to pod of a StatefulSet or DaemonSet, so that the workload itself does not have them.
pub const OWN_LABELS: [&str; 4] = [HASH, POD_NAME, POD_INDEX, POD_GENERATION];

/// The pod with this number, from the template of the revision.
pub fn numbered_pod(set: &StatefulSet, revision: &ControllerRevision, ordinal: i32) -> Pod {
    let set_name = set.metadata.name.as_deref().unwrap_or_default();
    let name = format!("{set_name}-{ordinal}");
    let template = history::template_of(revision).unwrap_or_default();
    let mut pod = pod_of(set, &template, name.clone());
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(HASH.to_owned(), history::name_of(revision).to_owned());
    labels.insert(POD_NAME.to_owned(), name.clone());
    labels.insert(POD_INDEX.to_owned(), ordinal.to_string());
    let spec = pod.spec.get_or_insert_default();
    spec.hostname = Some(name);
    let service = set.spec.as_ref().and_then(|spec| spec.service_name.clone());
    spec.subdomain = service.filter(|service| !service.is_empty());
    pod
}

/// The number of a pod of this set.
pub fn ordinal_of(set: &StatefulSet, pod: &Pod) -> Option<i32> {
    let set_name = set.metadata.name.as_deref()?;
    let rest = pod.metadata.name.as_deref()?.strip_prefix(set_name)?;
    rest.strip_prefix('-')?.parse().ok()
}
