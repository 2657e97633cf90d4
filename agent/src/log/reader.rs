//! Follows the log of one container over its restarts and over breaks, until its pod is gone.

use std::sync::Arc;
use std::time::Duration;

use bus_schema::Namespace;
use bus_schema::verb::LogSource;
use kube::api::LogParams;
use tokio::sync::watch;
use tokio::task::consume_budget;
use tokio::time::{Instant, sleep, timeout};

use super::buffer::Buffer;
use super::lines::{Lines, to_line};
use super::position::Position;
use crate::kubernetes::{ContainerStatus, Kubernetes, Pod, ask};

const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// Between the end of a log and the next look at it.
const AGAIN: Duration = Duration::from_secs(1);

/// A log that is quiet looks just like a dead connection; it is opened anew once in a while, where it was.
const QUIET: Duration = Duration::from_secs(300);

/// One container.
pub struct Reader {
    pub kubernetes: Kubernetes,
    pub namespace: Namespace,
    pub source: LogSource,
    /// The pod as it was seen last; `None` when it is gone.
    pub pod: watch::Receiver<Option<Arc<Pod>>>,
    pub buffer: Arc<Buffer>,
    /// Where to begin.
    pub params: LogParams,
    pub position: Position,
}

impl Reader {
    /// Reads until the pod is gone.
    pub async fn run(mut self) {
        let mut finished = None;
        while let Some(run) = self.begun(finished).await {
            let whole = self.read().await;
            if whole && self.has_ended(run) {
                finished = Some(run);
            } else {
                sleep(AGAIN).await;
            }
        }
    }

    /// Waits for a run of the container that has a log, other than the one that was read to its end. Runs are told apart
    /// by the number of restarts.
    async fn begun(&mut self, finished: Option<i32>) -> Option<i32> {
        loop {
            let status = {
                let pod = self.pod.borrow_and_update();
                status(pod.as_ref()?, self.source.container.as_str()).cloned()
            };
            let run = status.filter(|status| {
                let ended = status.state.terminated.is_some();
                status.state.running.is_some() || (ended && finished != Some(status.restart_count))
            });
            if let Some(run) = run {
                return Some(run.restart_count);
            }
            self.pod.changed().await.ok()?;
        }
    }

    fn has_ended(&self, run: i32) -> bool {
        let pod = self.pod.borrow();
        let status = pod
            .as_ref()
            .and_then(|pod| status(pod, self.source.container.as_str()));
        status.is_some_and(|s| s.state.terminated.is_some() && s.restart_count == run)
    }

    /// Whether the log was read to its end; otherwise it broke off, or could not be opened.
    async fn read(&mut self) -> bool {
        let params = self.params();
        let api = self.kubernetes.pod_logs(&self.namespace);
        let pod = self.source.pod.as_str();
        let opened = ask(Instant::now() + OPEN_WITHIN, || {
            api.log_stream(pod, &params)
        })
        .await;
        let log = match opened {
            Ok(log) => log,
            Err(error) => {
                tracing::debug!(pod, %error, "a log cannot be opened");
                return false;
            }
        };
        let mut log = std::pin::pin!(log);
        let mut lines = Lines::new(log.as_mut());
        while let Ok(Ok(line)) = timeout(QUIET, lines.next()).await {
            let Some(raw) = line else {
                return true;
            };
            // A log that is written faster than it is read would keep a thread from everything else.
            consume_budget().await;
            let line = to_line(&self.source, &raw);
            if self.position.is_new(line.time) {
                self.buffer.push(line);
            }
        }
        false
    }

    fn params(&mut self) -> LogParams {
        let mut params = self.params.clone();
        if let Some(time) = self.position.resume() {
            params.since_time = Some(time);
            params.since_seconds = None;
            params.tail_lines = None;
        }
        params
    }
}

fn status<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let all = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses);
    all.into_iter().find(|status| status.name == container)
}
