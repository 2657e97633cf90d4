//! Follows the log of one container across restarts and interruptions until its pod is gone, and reports the container's state.

use std::sync::Arc;
use std::time::Duration;

use bus_schema::{Fault, LogContainer, Namespace};
use kube::api::LogParams;
use tokio::sync::watch;
use tokio::task::consume_budget;
use tokio::time::{Instant, sleep, timeout};

use super::buffer::Buffer;
use super::lines::{Lines, to_line};
use super::position::Position;
use super::source::{LogSource, Run, run, shortened, state, status};
use crate::kubernetes::{Kubernetes, Pod, ask};

const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// The pause between the end of a log and the next attempt; doubled after each failure to open it.
const AGAIN: Duration = Duration::from_secs(1);

/// The longest pause between two attempts to open a log.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// An idle log looks just like a dead connection; it is reopened from time to time at the same position.
const QUIET: Duration = Duration::from_secs(300);

/// One container.
pub struct Reader {
    pub kubernetes: Kubernetes,
    pub namespace: Namespace,
    pub source: LogSource,
    /// The pod as last observed; `None` if it is gone.
    pub pod: watch::Receiver<Option<Arc<Pod>>>,
    pub buffer: Arc<Buffer>,
    /// The position to start from.
    pub params: LogParams,
    pub position: Position,
    /// Why its log could not be opened at the last attempt.
    pub refusal: Option<String>,
    /// Its last reported state.
    pub reported: Option<LogContainer>,
}

/// One of a container's logs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    /// The log of the current run, as the API server sees it.
    Present,
    /// The log of the previous run.
    Previous,
}

/// How reading a log ended.
enum End {
    /// The log is complete.
    Whole,
    BrokeOff,
    NotOpened,
}

impl Reader {
    /// Reads until the pod is gone.
    pub async fn run(mut self) {
        let (mut last, mut whole) = (None, false);
        let mut pause = AGAIN;
        while let Some(run) = self.begun(last.filter(|_| whole)).await {
            if last.is_some_and(|last| has_missed(last, whole, run.number)) {
                self.read(Which::Previous).await;
            }
            let end = self.read(Which::Present).await;
            (last, whole) = (
                Some(run.number),
                matches!(end, End::Whole) && self.has_ended(run.number),
            );
            match end {
                End::NotOpened => {
                    self.pause(pause).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
                End::Whole | End::BrokeOff => {
                    pause = AGAIN;
                    if !whole {
                        sleep(AGAIN).await;
                    }
                }
            }
        }
        if let Some(last) = self.reported.take() {
            let gone = LogContainer { gone: true, ..last };
            self.buffer.report(&self.source, gone);
        }
    }

    /// Waits for a run of the container that has a log, other than the run that was read completely.
    async fn begun(&mut self, finished: Option<i32>) -> Option<Run> {
        loop {
            let run = {
                let pod = self.pod.borrow_and_update().clone()?;
                self.report();
                status(&pod, self.source.container.as_str()).and_then(run)
            };
            if let Some(run) = run
                && !(run.has_ended && finished == Some(run.number))
            {
                return Some(run);
            }
            self.pod.changed().await.ok()?;
        }
    }

    /// Waits for this long or until the pod changes: then a log that could not be opened may exist.
    async fn pause(&mut self, long: Duration) {
        sleep(AGAIN).await;
        // The next check notices that the pod is gone.
        let _ = timeout(long.saturating_sub(AGAIN), self.pod.changed()).await;
    }

    fn has_ended(&self, number: i32) -> bool {
        let pod = self.pod.borrow();
        let status = pod
            .as_ref()
            .and_then(|pod| status(pod, self.source.container.as_str()));
        let ended = Some(Run {
            number,
            has_ended: true,
        });
        status.and_then(run) == ended
    }

    async fn read(&mut self, which: Which) -> End {
        let params = self.params(which);
        let api = self.kubernetes.pod_logs(&self.namespace);
        let pod = self.source.pod.as_str();
        let opened = ask(Instant::now() + OPEN_WITHIN, || {
            api.log_stream(pod, &params)
        })
        .await;
        let log = match opened {
            Ok(log) => log,
            // A node retains only the previous run, and not forever.
            Err(_) if which == Which::Previous => return End::NotOpened,
            Err(error) => {
                self.refusal = Some(shortened(&Fault::from(error).message));
                self.report();
                return End::NotOpened;
            }
        };
        self.refusal = None;
        self.report();
        let mut log = std::pin::pin!(log);
        let mut lines = Lines::new(log.as_mut());
        while let Ok(Ok(line)) = timeout(QUIET, lines.next()).await {
            let Some(raw) = line else {
                return End::Whole;
            };
            // A log that is written faster than it is read would monopolise a thread.
            consume_budget().await;
            let line = to_line(&self.source, &raw);
            if self.position.is_new(line.time) {
                self.buffer.push(line);
            }
        }
        End::BrokeOff
    }

    fn params(&mut self, which: Which) -> LogParams {
        let mut params = self.params.clone();
        if let Some(time) = self.position.resume() {
            params.since_time = Some(time);
            params.since_seconds = None;
            params.tail_lines = None;
        }
        if which == Which::Previous {
            (params.previous, params.follow) = (true, false);
        }
        params
    }

    /// Reports the container's state if it has changed.
    fn report(&mut self) {
        let Some(pod) = self.pod.borrow().clone() else {
            return;
        };
        let mut container = state(&pod, &self.source);
        container.problem = container.problem.or_else(|| self.refusal.clone());
        if self.reported.as_ref() != Some(&container) {
            self.buffer.report(&self.source, container.clone());
            self.reported = Some(container);
        }
    }
}

/// Whether lines of the previous run have not been read yet: the end of a run that has been replaced, or all of a run that started and
/// ended between two checks.
fn has_missed(last: i32, whole: bool, number: i32) -> bool {
    last < number - i32::from(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_wrote_before_the_next_one_began_is_read() {
        for (last, whole, number, missed) in [
            (3, true, 3, false),
            (3, false, 3, false),
            (3, true, 4, false),
            (3, false, 4, true),
            (3, true, 5, true),
        ] {
            assert_eq!(has_missed(last, whole, number), missed, "{last}, {number}");
        }
    }
}
