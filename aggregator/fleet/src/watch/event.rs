//! One event, serialized once for all readers.

use std::sync::Arc;

use bus_schema::verb::WorkloadSummary;
use bus_schema::{ClusterName, Namespace, WorkloadKind, WorkloadName, WorkloadRef};
use serde::Serialize;
use serde_json::json;

use crate::FleetWorkload;
use registry::{CHANGE_BYTES, ClusterView, RegistryEvent};

/// An event.
#[derive(Debug)]
pub struct Event {
    pub(super) name: &'static str,
    pub(super) cluster: ClusterName,
    /// Absent if it concerns the cluster as a whole.
    pub(super) namespace: Option<Namespace>,
    /// The data for readers who may see all of the cluster and have selected all of it; `None` if there is none.
    pub(super) whole: Option<Arc<str>>,
    /// The data for the other readers who may see it, likewise.
    pub(super) part: Option<Arc<str>>,
}

/// The data of an event `workload`.
#[derive(Serialize)]
struct WorkloadEvent<'a> {
    cluster: &'a ClusterName,
    namespace: &'a Namespace,
    kind: WorkloadKind,
    name: &'a WorkloadName,
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<&'a FleetWorkload>,
}

impl Event {
    /// A registry event.
    #[must_use]
    pub fn of(event: RegistryEvent) -> Self {
        match event {
            RegistryEvent::Changed {
                cluster,
                whole,
                part,
            } => {
                let data = |view: Option<Box<ClusterView>>| Some(written(&view?).into());
                Self {
                    name: "cluster",
                    cluster,
                    namespace: None,
                    whole: data(whole),
                    part: data(part),
                }
            }
            RegistryEvent::Missed(cluster, missed) => Self::gap(cluster, missed),
        }
    }

    /// A cluster was forgotten.
    #[must_use]
    pub fn forgotten(cluster: ClusterName) -> Self {
        let data = json!({ "cluster": cluster }).to_string();
        Self::about("cluster_gone", cluster, data)
    }

    /// Changes of a cluster's workloads were missed. Only readers who may see all of them get the number.
    #[must_use]
    pub fn gap(cluster: ClusterName, missed: Option<u64>) -> Self {
        let counted = missed.map(|missed| json!({ "cluster": cluster, "missed": missed }));
        let data = json!({ "cluster": cluster }).to_string();
        let gap = Self::about("gap", cluster, data);
        Self {
            whole: counted.map(|data| data.to_string().into()).or(gap.whole),
            ..gap
        }
    }

    /// A workload was created or changed.
    #[must_use]
    pub fn changed(cluster: &ClusterName, workload: WorkloadSummary) -> Self {
        let workload = FleetWorkload::now(cluster.clone(), workload);
        let data = written(&WorkloadEvent {
            cluster,
            namespace: &workload.workload.namespace,
            kind: workload.workload.kind,
            name: &workload.workload.name,
            workload: Some(&workload),
        });
        Self {
            namespace: Some(workload.workload.namespace),
            ..Self::about("workload", cluster.clone(), data)
        }
    }

    /// A workload is gone.
    #[must_use]
    pub fn gone(cluster: &ClusterName, gone: WorkloadRef) -> Self {
        let data = written(&WorkloadEvent {
            cluster,
            namespace: &gone.namespace,
            kind: gone.kind,
            name: &gone.name,
            workload: None,
        });
        Self {
            namespace: Some(gone.namespace),
            ..Self::about("workload", cluster.clone(), data)
        }
    }

    /// Its size in memory.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |data: &Option<Arc<str>>| data.as_ref().map_or(0, |data| data.len());
        let shared = matches!((&self.whole, &self.part), (Some(whole), Some(part)) if Arc::ptr_eq(whole, part));
        let part = if shared { 0 } else { bytes(&self.part) };
        CHANGE_BYTES + bytes(&self.whole) + part
    }

    fn about(name: &'static str, cluster: ClusterName, data: String) -> Self {
        let whole: Option<Arc<str>> = Some(data.into());
        Self {
            name,
            cluster,
            namespace: None,
            part: whole.clone(),
            whole,
        }
    }
}

/// Serializes a value, which cannot fail for our own types.
fn written<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
