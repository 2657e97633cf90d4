//! A pod's log, read once or followed.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream;
use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;
use tokio::sync::watch::Receiver;

use super::Call;
use crate::log::{Log, LogOptions};
use crate::pod;
use crate::shared::Shared;
use crate::status::{Cause, Result, Status};
use crate::store::Key;

/// A chunk of a log is sent when it is this large, or when there are no more lines.
const CHUNK: usize = 64 * 1024;

pub fn read(cluster: &Arc<Shared>, call: &Call) -> Result<Response> {
    let target = &call.target;
    let now = cluster.clock.now();
    let mut state = cluster.state();
    let key = target.key();
    state.wake_named(target.kind, &key);
    let pod: Pod = state.store.read(&key).ok_or_else(|| target.not_found())?;
    let head = state.store.head();
    drop(state);
    let wrong = |(field, why): (&'static str, String)| {
        let cause = Cause::invalid(field, &Value::from(call.query.text(field)), &why);
        Status::bad_options("PodLogOptions", target.name(), &[cause])
    };
    let options = LogOptions::parse(|name| call.query.text(name), now).map_err(wrong)?;
    let container = container_of(&pod, options.container.as_deref())?;
    if !pod::is_assigned(&pod) {
        return Ok(text(Body::empty()));
    }
    let scale = |duration| cluster.clock.scale(duration);
    let log = Log::find(&pod, &container, options.previous, scale).map_err(Status::bad_request)?;
    let lines = log.select(&options, now);
    let reader = Reader {
        cluster: cluster.clone(),
        key,
        container,
        uid: pod.metadata.uid,
        head,
        next: lines.start,
        ready: lines.end,
        left: options.limit_bytes,
        log,
        options,
    };
    let stream = stream::unfold(reader, |mut reader| async move {
        let chunk = reader.chunk().await?;
        Some((Ok::<_, std::convert::Infallible>(chunk), reader))
    });
    Ok(text(Body::from_stream(stream)))
}

fn text(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "text/plain")], body).into_response()
}

/// The requested container; optional if the pod has only one.
fn container_of(pod: &Pod, wanted: Option<&str>) -> Result<String> {
    let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
    let spec = pod.spec.clone().unwrap_or_default();
    let init = spec.init_containers.iter().flatten();
    let names: Vec<&str> = init
        .chain(&spec.containers)
        .map(|c| c.name.as_str())
        .collect();
    match wanted {
        Some(name) if names.contains(&name) => Ok(name.to_owned()),
        Some(name) => Err(Status::bad_request(format!(
            "container {name} is not valid for pod {pod_name}"
        ))),
        None if spec.containers.len() == 1 => Ok(spec.containers[0].name.clone()),
        None => Err(Status::bad_request(format!(
            "a container name must be specified for pod {pod_name}, choose one of: [{}]",
            names.join(" ")
        ))),
    }
}

struct Reader {
    cluster: Arc<Shared>,
    key: Key,
    uid: Option<String>,
    container: String,
    head: Receiver<u64>,
    log: Log,
    options: LogOptions,
    /// The next line to send, and the first line that has not been written yet.
    next: u64,
    ready: u64,
    /// The remaining byte limit.
    left: Option<usize>,
}

impl Reader {
    async fn chunk(&mut self) -> Option<Bytes> {
        while self.next == self.ready {
            if !self.options.follow || self.left == Some(0) {
                return None;
            }
            self.wait_for_a_line().await?;
        }
        let mut chunk = String::new();
        while self.next < self.ready && chunk.len() < CHUNK {
            self.log
                .write(self.next, self.options.timestamps, &mut chunk);
            self.next += 1;
        }
        if let Some(left) = &mut self.left {
            chunk.truncate(*left);
            *left -= chunk.len();
            if *left == 0 {
                self.next = self.ready;
            }
        }
        (!chunk.is_empty()).then(|| chunk.into())
    }

    /// `None` when the container has ended and everything has been read.
    async fn wait_for_a_line(&mut self) -> Option<()> {
        loop {
            let running = self.still_runs();
            self.ready = self.log.written(self.cluster.clock.now()).max(self.next);
            if self.ready > self.next {
                return Some(());
            }
            if !running {
                return None;
            }
            let due = self.log.time_of(self.next);
            tokio::select! {
                () = self.cluster.clock.sleep_until(due) => {}
                _ = self.head.changed() => {}
                () = self.cluster.shutdown.cancelled() => return None,
            }
        }
    }

    /// Checks whether the container is still running, and remembers when it ended.
    fn still_runs(&mut self) -> bool {
        let pod: Option<Pod> = self.cluster.state().store.read(&self.key);
        let Some(pod) = pod.filter(|pod| pod.metadata.uid == self.uid) else {
            return false;
        };
        let scale = |duration| self.cluster.clock.scale(duration);
        let present = Log::find(&pod, &self.container, false, scale);
        match present {
            Ok(log) if self.log.is_same_run(&log) => {
                self.log = log;
                !self.log.has_ended()
            }
            _ => false,
        }
    }
}
