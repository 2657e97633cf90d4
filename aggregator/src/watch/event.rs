//! One event, written once for all who are told.

use std::sync::Arc;

use bus_schema::verb::DeploymentSummary;
use bus_schema::{ClusterName, DeploymentName, GoneDeployment, Namespace};
use serde::Serialize;
use serde_json::json;

use crate::fleet::FleetDeployment;
use crate::registry::{CHANGE_BYTES, News};

/// What happened.
#[derive(Debug)]
pub struct Event {
    pub(super) name: &'static str,
    pub(super) cluster: ClusterName,
    /// Absent where it is about the cluster as a whole.
    pub(super) namespace: Option<Namespace>,
    pub(super) data: Arc<str>,
    /// What those are told who may see all of the cluster, where that is more.
    pub(super) more: Option<Arc<str>>,
}

/// The data of an event `deployment`.
#[derive(Serialize)]
struct DeploymentEvent<'a> {
    cluster: &'a ClusterName,
    namespace: &'a Namespace,
    deployment_name: &'a DeploymentName,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment: Option<&'a FleetDeployment>,
}

impl Event {
    /// What is new about a cluster.
    #[must_use]
    pub fn of(news: News) -> Self {
        match news {
            News::Shown(view) => {
                let data = written(&view);
                Self::about("cluster", view.cluster, data)
            }
            News::Missed(cluster, missed) => Self::gap(cluster, missed),
        }
    }

    /// A cluster was forgotten.
    #[must_use]
    pub fn forgotten(cluster: ClusterName) -> Self {
        let data = json!({ "cluster": cluster }).to_string();
        Self::about("cluster_gone", cluster, data)
    }

    /// Changes of a cluster's deployments were missed. How many is for those alone who may see all of them.
    #[must_use]
    pub fn gap(cluster: ClusterName, missed: Option<u64>) -> Self {
        let more = missed.map(|missed| {
            json!({ "cluster": cluster, "missed": missed })
                .to_string()
                .into()
        });
        let data = json!({ "cluster": cluster }).to_string();
        Self {
            more,
            ..Self::about("gap", cluster, data)
        }
    }

    /// A deployment is as it was not before.
    #[must_use]
    pub fn changed(cluster: &ClusterName, deployment: DeploymentSummary) -> Self {
        let deployment = FleetDeployment::now(cluster.clone(), deployment);
        let data = written(&DeploymentEvent {
            cluster,
            namespace: &deployment.deployment.namespace,
            deployment_name: &deployment.deployment.deployment_name,
            deployment: Some(&deployment),
        });
        Self {
            namespace: Some(deployment.deployment.namespace),
            ..Self::about("deployment", cluster.clone(), data)
        }
    }

    /// A deployment is gone.
    #[must_use]
    pub fn gone(cluster: &ClusterName, gone: GoneDeployment) -> Self {
        let data = written(&DeploymentEvent {
            cluster,
            namespace: &gone.namespace,
            deployment_name: &gone.deployment_name,
            deployment: None,
        });
        Self {
            namespace: Some(gone.namespace),
            ..Self::about("deployment", cluster.clone(), data)
        }
    }

    /// The memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        CHANGE_BYTES + self.data.len() + self.more.as_ref().map_or(0, |more| more.len())
    }

    fn about(name: &'static str, cluster: ClusterName, data: String) -> Self {
        Self {
            name,
            cluster,
            namespace: None,
            data: data.into(),
            more: None,
        }
    }
}

/// The writing of a value that cannot fail for our own types.
fn written<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
