//! `/containerLogs/{namespace}/{pod}/{container}`, as the API server requests it from a kubelet.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};

use super::is_ending;
use crate::clock::Clock;
use crate::log::{Log, LogOptions};

/// How often a followed log checks whether its pod still exists.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const LINES_AT_ONCE: u64 = 500;

#[derive(Clone)]
struct Node {
    client: Client,
    clock: Clock,
}

pub fn router(client: Client, clock: Clock) -> Router {
    Router::new()
        .route("/containerLogs/{namespace}/{pod}/{container}", get(read))
        .with_state(Node { client, clock })
}

async fn read(
    State(node): State<Node>,
    Path((namespace, name, container)): Path<(String, String, String)>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let pods: Api<Pod> = Api::namespaced(node.client, &namespace);
    let Ok(Some(pod)) = pods.get_opt(&name).await else {
        let message = format!("pod \"{name}\" does not exist");
        return (StatusCode::NOT_FOUND, message).into_response();
    };
    let now = Timestamp::now();
    let parameter = |name: &str| query.get(name).map(String::as_str);
    let Ok(options) = LogOptions::parse(parameter, now) else {
        let message = r#"{"message": "Invalid request."}"#;
        return (StatusCode::UNPROCESSABLE_ENTITY, message).into_response();
    };
    let scale = |duration| node.clock.scale(duration);
    match Log::find(&pod, &container, options.previous, scale) {
        Err(message) => (StatusCode::BAD_REQUEST, message).into_response(),
        Ok(log) => {
            let lines = log.select(&options, now);
            let reader = Reader {
                pods,
                name,
                log,
                options,
                lines,
            };
            reader.into_body().into_response()
        }
    }
}

struct Reader {
    pods: Api<Pod>,
    name: String,
    log: Log,
    options: LogOptions,
    lines: Range<u64>,
}

impl Reader {
    fn into_body(self) -> Body {
        Body::from_stream(stream::unfold(self, |mut reader| async move {
            let chunk = reader.chunk().await?;
            Some((Ok::<_, std::convert::Infallible>(chunk), reader))
        }))
    }

    async fn chunk(&mut self) -> Option<Bytes> {
        while self.lines.is_empty() {
            if !self.options.follow || self.log.has_ended() || !self.is_running().await {
                return None;
            }
            tokio::time::sleep(LOOK_EVERY).await;
            self.lines.end = self.log.written(Timestamp::now());
        }
        let mut chunk = String::new();
        let end = self.lines.end.min(self.lines.start + LINES_AT_ONCE);
        for line in self.lines.start..end {
            self.log.write(line, self.options.timestamps, &mut chunk);
        }
        self.lines.start = end;
        if let Some(left) = &mut self.options.limit_bytes {
            chunk.truncate(*left);
            *left -= chunk.len();
        }
        (!chunk.is_empty()).then(|| chunk.into())
    }

    async fn is_running(&self) -> bool {
        let pod = self.pods.get_opt(&self.name).await;
        matches!(pod, Ok(Some(pod)) if !is_ending(&pod))
    }
}
