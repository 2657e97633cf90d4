//! What is wrong with one container, and how it ended last.

use std::time::Duration;

use jiff::Timestamp;

use super::age;
use super::words::{named, sentences};
use crate::kubernetes::{ContainerStatus, Terminated};

/// What ran for this long has got over its last end: the kubelet, too, begins its back-off anew then.
const RECOVERED: Duration = Duration::from_secs(600);

/// What is wrong with a container: Kubernetes' word, and an explanation that may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerTrouble {
    pub kind: Kind,
    pub reason: String,
    pub message: String,
}

/// Worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It ends as soon as it has begun.
    Crashes,
    /// It does not come to run at all.
    Waits,
    /// No node takes its pod.
    Unscheduled,
}

/// What is wrong with one container. Waiting because of the steps that every container takes is no trouble.
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
    // It runs again, for now.
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

/// How a container ended last, and how often it was begun anew: `exit 137 (OOMKilled), 17 restarts`.
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

/// `CrashLoopBackOff, exit 137 (OOMKilled), 17 restarts`, and without the first part while it does not wait.
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
