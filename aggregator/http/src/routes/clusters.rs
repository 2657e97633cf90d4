//! `GET /clusters` and `PATCH /clusters/{cluster}`

use axum::Json;
use axum::extract::State;
use bus_schema::{ClusterName, OperationId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::enrolment::ClusterPath;
use super::fleet::query::wrong;
use crate::app::App;
use crate::caller::Caller;
use crate::extract;
use crate::openapi::OwnProblem;
use crate::problem_response::ProblemResponse;
use labels::{ClusterSelector, LabelPatch, Labels};
use registry::ClusterView;

/// Every cluster that the caller may see.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClusterList {
    /// The clusters, by name.
    items: Vec<ClusterView>,
}

/// Which clusters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Only clusters whose labels this Kubernetes label selector selects, such as `env=prod,region in (eu, us)`.
    #[serde(rename = "clusterLabelSelector")]
    cluster_label_selector: Option<String>,
}

/// Every known cluster, including offline ones
///
/// Answered from heartbeats; no request is sent to a cluster.
#[utoipa::path(get, path = "/clusters", tag = "Fleet", params(Filter),
    responses((status = 200, description = "The clusters", body = ClusterList), OwnProblem))]
pub async fn list_clusters(
    State(app): State<App>,
    caller: Caller,
    extract::Query(filter): extract::Query<Filter>,
) -> Result<Json<ClusterList>, ProblemResponse> {
    let mut items = app.registry.clusters(&caller.principal);
    if let Some(selector) = filter.cluster_label_selector {
        let selector: ClusterSelector = selector
            .parse()
            .map_err(|error| wrong("clusterLabelSelector", error))?;
        items.retain(|cluster| selector.selects(&cluster.labels));
    }
    Ok(Json(ClusterList { items }))
}

/// Changes to a cluster: a JSON merge patch (RFC 7396).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"labels": {"env": "prod", "old": null}}))]
pub struct ClusterPatch {
    /// For each key a new value, or `null` to remove the label. Other labels stay unchanged.
    labels: LabelPatch,
}

/// A cluster after a change.
#[derive(Debug, Serialize, ToSchema)]
pub struct LabelledCluster {
    /// The id of the operation in the audit.
    operation_id: OperationId,
    /// The cluster.
    cluster: ClusterName,
    /// All its labels.
    labels: Labels,
}

/// Change a cluster's labels
///
/// Requires the right `enroll` on all clusters and namespaces, since grants may depend on labels. A cluster has at most 32 labels.
#[utoipa::path(patch, path = "/clusters/{cluster}", tag = "Fleet", params(ClusterPath),
    request_body(content((ClusterPatch = "application/json"), (ClusterPatch = "application/merge-patch+json"))),
    responses((status = 200, description = "The cluster's labels", body = LabelledCluster), OwnProblem))]
pub async fn patch_cluster(
    State(app): State<App>,
    caller: Caller,
    extract::Path(ClusterPath { cluster }): extract::Path<ClusterPath>,
    extract::MergePatch(ClusterPatch { labels }): extract::MergePatch<ClusterPatch>,
) -> Result<Json<LabelledCluster>, ProblemResponse> {
    let labelled = app
        .labels
        .label(&caller.principal, &caller.source, &cluster, labels);
    let (operation_id, labels) = labelled.await?;
    Ok(Json(LabelledCluster {
        operation_id,
        cluster,
        labels,
    }))
}
