//! What is wrong with one container, and how it last ended.

use std::time::Duration;

use jiff::Timestamp;

use super::age;
use super::words::{named, sentences};
use crate::kubernetes::{ContainerStatus, Terminated};

/// A container that has run this long has recovered from its last termination: the kubelet resets its back-off after the same time.
const RECOVERED: Duration = Duration::from_secs(600);

/// What is wrong with a container: Kubernetes' reason, and a message that may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerTrouble {
    pub kind: Kind,
    pub reason: String,
    pub message: String,
}

/// Worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It crashes soon after its start.
    Crashes,
    /// It does not start at all.
    Waits,
    /// Its pod cannot be scheduled.
    Unscheduled,
}

/// What is wrong with one container. Waiting for the steps of a normal start is no trouble.
pub fn container_trouble(status: &ContainerStatus, now: Timestamp) -> Option<ContainerTrouble> {
    if let Some(wait) = &status.state.waiting {
        if ["", "ContainerCreating", "PodInitializing"].contains(&wait.reason.as_str()) {
            return None;
        }
        let last = status.last_state.terminated.as_ref();
        return Some(match last.filter(|_| wait.reason == "CrashLoopBackOff") {
            Some(end) => ContainerTrouble {
                kind: Kind::Crashes,
                reason: wait.reason.clone(),
                message: sentences(&[&ended(status, end), &wait.message]),
            },
            None => ContainerTrouble {
                kind: match wait.reason.as_str() {
                    "CrashLoopBackOff" => Kind::Crashes,
                    _ => Kind::Waits,
                },
                reason: wait.reason.clone(),
                message: wait.message.clone(),
            },
        });
    }
    if let Some(end) = &status.state.terminated {
        return (end.exit_code != 0).then(|| crashed(status, end, &end.message));
    }
    // It is running again, for now.
    let end = status.last_state.terminated.as_ref()?;
    let running = status.state.running.as_ref()?;
    let young = running
        .started_at
        .is_none_or(|since| age(since, now) < RECOVERED);
    (!status.ready && young && end.exit_code != 0).then(|| crashed(status, end, ""))
}

fn crashed(status: &ContainerStatus, end: &Terminated, message: &str) -> ContainerTrouble {
    ContainerTrouble {
        kind: Kind::Crashes,
        reason: match end.reason.as_str() {
            "" if end.signal != 0 => format!("Signal:{}", end.signal),
            "" => format!("ExitCode:{}", end.exit_code),
            reason => reason.to_owned(),
        },
        message: sentences(&[&ended(status, end), message]),
    }
}

/// How a container last ended, and its restart count: `exit 137 (OOMKilled), 17 restarts`.
fn ended(status: &ContainerStatus, end: &Terminated) -> String {
    let reason = match end.reason.as_str() {
        "" | "Error" => String::new(),
        reason => format!(" ({reason})"),
    };
    let end = match end.signal {
        0 => format!("exit {}", end.exit_code),
        signal => format!("signal {signal}"),
    };
    match status.restart_count {
        0 => format!("{end}{reason}"),
        1 => format!("{end}{reason}, 1 restart"),
        count => format!("{end}{reason}, {count} restarts"),
    }
}

/// `CrashLoopBackOff, exit 137 (OOMKilled), 17 restarts`, without the first part if it is not waiting.
pub fn in_words(status: &ContainerStatus, trouble: &ContainerTrouble) -> String {
    let end = status
        .state
        .terminated
        .as_ref()
        .or(status.last_state.terminated.as_ref());
    match (status.state.waiting.is_some(), end) {
        (true, Some(end)) => format!("{}, {}", trouble.reason, ended(status, end)),
        (false, Some(end)) => ended(status, end),
        (_, None) => named(&trouble.reason, &trouble.message),
    }
}
