//! `POST /log` and `GET /workloads/…/log/watch`

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use bus_schema::verb::{LogReply, ReadLog};
use bus_schema::{
    ClusterName, ContainerName, LogChunk, Namespace, PodName, WorkloadKind, WorkloadName,
    WorkloadRef,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::audit::{MOST, page};
use super::workload::WorkloadPath;
use crate::app::App;
use crate::caller::Caller;
use crate::event_stream;
use crate::extract::{self, Path, Query};
use crate::problem_response::ProblemResponse;
use audit::{AuditFilter, AuditPage};
use diagnostics::{Problem, ProblemCode};
use limits::Stream;

/// Which log, and which of its lines.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"cluster": "cluster-a", "namespace": "default", "deployment_name": "fastapi-a", "tail": 20}))]
pub struct LogBody {
    /// The cluster.
    cluster: Option<ClusterName>,
    /// The namespace.
    namespace: Option<Namespace>,
    /// The deployment; without a workload, the activity log is returned.
    deployment_name: Option<WorkloadName>,
    /// The workload's kind, in place of `deployment_name`.
    kind: Option<WorkloadKind>,
    /// The workload's name, in place of `deployment_name`.
    name: Option<WorkloadName>,
    /// Only this pod; absent: all.
    pod: Option<PodName>,
    /// Only this container; absent: all.
    container: Option<ContainerName>,
    /// Number of last lines of each container (or of the activity log, at most 500), 100 if absent.
    #[schema(minimum = 0, maximum = 10_000)]
    #[serde(
        default,
        deserialize_with = "extract::bounded::<0, {ReadLog::MAX_TAIL}, _>"
    )]
    tail: Option<u32>,
    /// Only lines of the last this many seconds.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 4_294_967_295_i64)]
    #[serde(default, deserialize_with = "extract::bounded::<1, {u32::MAX}, _>")]
    since_seconds: Option<u32>,
    /// Only lines up to this time, in RFC 3339; with `since_seconds`. `tail` counts back from here.
    until: Option<Timestamp>,
    /// The log of each container's previous run.
    #[serde(default)]
    previous: bool,
}

/// The lines of pods, or of the activity log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum LogAnswer {
    /// With a workload.
    Log(LogReply),
    /// Without it.
    Activity(AuditPage),
}

/// Check a log
///
/// With a workload, the lines of all its pods and containers, and the state of each; without it, the activity log, with the given filters.
#[utoipa::path(post, path = "/log", tag = "Workloads", request_body = LogBody,
    responses((status = 200, description = "The lines", body = LogAnswer), ProblemResponse))]
pub async fn read_log(
    State(app): State<App>,
    caller: Caller,
    extract::Json(body): extract::Json<LogBody>,
) -> Result<Json<LogAnswer>, ProblemResponse> {
    if body.deployment_name.is_none() && body.kind.is_none() && body.name.is_none() {
        let page = activity(&app, &caller, body).await?;
        return Ok(Json(LogAnswer::Activity(page)));
    }
    let (Some(cluster), Some(namespace)) = (body.cluster, body.namespace) else {
        return Err(Problem::new(
            ProblemCode::InvalidValue,
            "the log of a workload needs the fields \"cluster\" and \"namespace\" too",
        )
        .field("cluster")
        .into());
    };
    let target = WorkloadRef::from_fields(namespace, body.deployment_name, body.kind, body.name);
    let target = target.map_err(|error| {
        Problem::new(ProblemCode::InvalidValue, error.to_string()).field("deployment_name")
    })?;
    let request = ReadLog {
        target,
        pod: body.pod,
        container: body.container,
        tail: body.tail,
        since_seconds: body.since_seconds,
        until: body.until,
        previous: body.previous,
        follow: false,
    };
    let reply = app.fleet.ask(&caller.principal, &cluster, &request).await?;
    Ok(Json(LogAnswer::Log(reply)))
}

async fn activity(app: &App, caller: &Caller, body: LogBody) -> Result<AuditPage, Problem> {
    let pods_only = [
        ("pod", body.pod.is_some()),
        ("container", body.container.is_some()),
        ("since_seconds", body.since_seconds.is_some()),
        ("until", body.until.is_some()),
        ("previous", body.previous),
    ];
    if let Some((field, _)) = pods_only.iter().find(|(_, given)| *given) {
        let detail = format!("{field}: goes with a workload only");
        return Err(Problem::new(ProblemCode::InvalidValue, detail).field(*field));
    }
    let tail = body.tail.unwrap_or(100);
    if !(1..=MOST).contains(&tail) {
        let detail = format!("tail: use 1 to {MOST} without a workload");
        return Err(Problem::new(ProblemCode::InvalidValue, detail).field("tail"));
    }
    let filter = AuditFilter {
        cluster: body.cluster,
        namespace: body.namespace,
        ..AuditFilter::default()
    };
    page(app, caller, &filter, tail, None).await
}

/// Which log, and where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Since {
    /// Only this pod; absent: all.
    pod: Option<PodName>,
    /// Only this container; absent: all.
    container: Option<ContainerName>,
    /// Begin with this many last lines of each container, 100 if absent.
    #[param(minimum = 0, maximum = 10_000)]
    #[serde(
        default,
        deserialize_with = "extract::bounded::<0, {ReadLog::MAX_TAIL}, _>"
    )]
    tail: Option<u32>,
    /// Begin with the lines of the last this many seconds.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 4_294_967_295_i64)]
    #[serde(default, deserialize_with = "extract::bounded::<1, {u32::MAX}, _>")]
    since_seconds: Option<u32>,
}

/// Follow a log
///
/// Server-sent events: `lines` with a chunk of lines, the containers that have changed, the number of lines that had to be dropped, and the number of containers that are too
/// many to be followed; `problem` when the log cannot be followed further, `end` with the reason when it ends.
#[utoipa::path(get, path = "/workloads/{cluster}/{namespace}/{kind}/{name}/log/watch", tag = "Workloads", params(WorkloadPath, Since),
    responses((status = 200, description = "Events: the lines", content_type = "text/event-stream", body = LogChunk), ProblemResponse))]
pub async fn watch_log(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<WorkloadPath>,
    Query(since): Query<Since>,
) -> Result<Response, ProblemResponse> {
    let request = ReadLog {
        target: path.target(),
        pod: since.pod,
        container: since.container,
        tail: since.tail,
        since_seconds: since.since_seconds,
        until: None,
        previous: false,
        follow: true,
    };
    let permit = caller.acquire(Stream::Log)?;
    let mut log = app
        .logs
        .follow(&caller.principal, &path.cluster, &request)
        .await?;
    Ok(event_stream::respond(&app, &caller, |events| async move {
        let _permit = permit;
        loop {
            let chunk = match log.next().await {
                Ok(chunk) => chunk,
                Err(problem) => return events.problem(&problem).await,
            };
            log.during(events.send("lines", &chunk)).await;
            if let Some(end) = chunk.end {
                return events.send("end", &end).await;
            }
        }
    }))
}
