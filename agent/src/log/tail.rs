//! The end of one container's log, as much as a reply can hold.

use std::collections::VecDeque;

use bus_schema::verb::ReadLog;
use bus_schema::{Fault, LogLine, PAGE_BYTES};
use kube::api::LogParams;
use tokio::time::{Instant, timeout_at};

use super::lines::{Lines, to_line};
use super::merge::bytes;
use super::source::LogSource;
use crate::kubernetes::{CallError, Kubernetes, ask};

/// What was read from one container.
#[derive(Debug, Default)]
pub struct Tail {
    /// The last lines.
    pub lines: VecDeque<LogLine>,
    /// Older lines did not fit.
    pub truncated: bool,
    /// Why reading stopped.
    pub problem: Option<String>,
}

/// Reads the end of a container's log. It cannot fail as a whole: the lines read before a failure are returned with the reason.
pub async fn tail(
    kubernetes: &Kubernetes,
    request: &ReadLog,
    source: &LogSource,
    deadline: Instant,
) -> Tail {
    let mut tail = Tail::default();
    if let Err(error) = read(kubernetes, request, source, deadline, &mut tail).await {
        tail.problem = Some(Fault::from(error).message);
    }
    tail
}

async fn read(
    kubernetes: &Kubernetes,
    request: &ReadLog,
    source: &LogSource,
    deadline: Instant,
    tail: &mut Tail,
) -> Result<(), CallError> {
    let api = kubernetes.pod_logs(&request.target.namespace);
    let (pod, params) = (source.pod.as_str(), params(request, source));
    let log = ask(deadline, || api.log_stream(pod, &params)).await?;
    let mut log = std::pin::pin!(log);
    let mut lines = Lines::new(log.as_mut());
    loop {
        let line = timeout_at(deadline, lines.next())
            .await
            .map_err(|_| CallError::TimedOut)?;
        let raw = line.map_err(|error| CallError::AnswerLost(kube::Error::ReadEvents(error)))?;
        let Some(line) = raw.map(|raw| to_line(source, &raw)) else {
            return Ok(());
        };
        // The Kubernetes API has no end time: stop reading after it.
        if request.until.is_some() && line.time > request.until {
            return Ok(());
        }
        tail.push(line, lines_of(request));
    }
}

impl Tail {
    fn push(&mut self, line: LogLine, most: usize) {
        self.lines.push_back(line);
        if self.lines.len() > most {
            self.lines.pop_front();
            self.truncated = true;
        }
        // Lines vary in size; the sum is checked only when it may be too large.
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

/// The most lines of one container.
fn lines_of(request: &ReadLog) -> usize {
    request.tail.unwrap_or(ReadLog::DEFAULT_TAIL) as usize
}

/// The parameters of the API request for one container.
pub fn params(request: &ReadLog, source: &LogSource) -> LogParams {
    // It would count back from now and not from the requested end.
    let tail = request.until.is_none().then(|| lines_of(request));
    LogParams {
        container: Some(source.container.to_string()),
        previous: request.previous,
        since_seconds: request.since_seconds.map(i64::from),
        tail_lines: tail.map(|lines| i64::try_from(lines).unwrap_or(i64::MAX)),
        timestamps: true,
        ..LogParams::default()
    }
}
