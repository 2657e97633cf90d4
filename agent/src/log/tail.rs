//! The end of one container's log, as much as a reply can hold.

use std::collections::VecDeque;

use bus_schema::verb::ReadLog;
use bus_schema::{Fault, LogLine, Namespace, PAGE_BYTES};
use kube::api::LogParams;
use tokio::time::{Instant, timeout_at};

use super::lines::{Lines, to_line};
use super::merge::bytes;
use super::source::LogSource;
use crate::kubernetes::{CallError, Kubernetes, ask};

/// What was read of one container.
#[derive(Debug, Default)]
pub struct Tail {
    /// The last lines.
    pub lines: VecDeque<LogLine>,
    /// Older lines did not fit.
    pub truncated: bool,
    /// Why there is no more.
    pub problem: Option<String>,
}

/// Reads the end of a container's log. It cannot fail as a whole: what was read before a failure is kept beside the reason.
pub async fn tail(
    kubernetes: &Kubernetes,
    namespace: &Namespace,
    source: &LogSource,
    params: &LogParams,
    until: Instant,
) -> Tail {
    let mut tail = Tail::default();
    if let Err(error) = read(kubernetes, namespace, source, params, until, &mut tail).await {
        tail.problem = Some(Fault::from(error).message);
    }
    tail
}

async fn read(
    kubernetes: &Kubernetes,
    namespace: &Namespace,
    source: &LogSource,
    params: &LogParams,
    until: Instant,
    tail: &mut Tail,
) -> Result<(), CallError> {
    let api = kubernetes.pod_logs(namespace);
    let pod = source.pod.as_str();
    let log = ask(until, || api.log_stream(pod, params)).await?;
    let mut log = std::pin::pin!(log);
    let mut lines = Lines::new(log.as_mut());
    loop {
        let line = timeout_at(until, lines.next())
            .await
            .map_err(|_| CallError::TimedOut)?;
        match line.map_err(|error| CallError::AnswerLost(kube::Error::ReadEvents(error)))? {
            Some(raw) => tail.push(to_line(source, &raw)),
            None => return Ok(()),
        }
    }
}

impl Tail {
    fn push(&mut self, line: LogLine) {
        self.lines.push_back(line);
        // Lines are of all sizes, and the sum is looked at only when it may be too much.
        if self.lines.len().is_multiple_of(64) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let mut total: usize = self.lines.iter().map(bytes).sum();
        while total > PAGE_BYTES {
            let Some(oldest) = self.lines.pop_front() else {
                return;
            };
            total -= bytes(&oldest);
            self.truncated = true;
        }
    }
}

/// What is asked of the API server for one container.
pub fn params(request: &ReadLog, source: &LogSource) -> LogParams {
    let tail = request.tail.unwrap_or(ReadLog::DEFAULT_TAIL);
    LogParams {
        container: Some(source.container.to_string()),
        previous: request.previous,
        since_seconds: request.since_seconds.map(i64::from),
        tail_lines: Some(tail.into()),
        timestamps: true,
        ..LogParams::default()
    }
}
