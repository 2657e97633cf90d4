//! The progress of a rollout by the rules of `kubectl rollout status`, in their order, with two additional states: a paused workload,
//! and one that is being deleted. Pure.

use bus_schema::WorkloadKind;
use bus_schema::verb::RolloutState;

use crate::kubernetes::{WorkloadObject, WorkloadStatus};

/// The state of a rollout, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The state.
    pub state: RolloutState,
    /// What it is waiting for, or why it failed.
    pub message: String,
}

/// Desired replicas; one if the field is absent.
pub fn wanted(workload: &WorkloadObject) -> i32 {
    workload.spec.replicas.unwrap_or(1)
}

/// The controller's message if the rollout took longer than the deployment allows.
pub fn deadline_exceeded(status: &WorkloadStatus) -> Option<&str> {
    let condition = status.condition("Progressing")?;
    (condition.reason == "ProgressDeadlineExceeded").then_some(condition.message.as_str())
}

/// The API server's message if it does not let the ReplicaSet create its pods, because of a quota or an admission rule.
pub fn refused_pods(status: &WorkloadStatus) -> Option<&str> {
    let condition = status.condition("ReplicaFailure")?;
    (condition.status == "True").then_some(condition.message.as_str())
}

/// Whether the controller has observed the newest version of the workload.
pub fn is_observed(workload: &WorkloadObject) -> bool {
    let seen = workload
        .status
        .as_ref()
        .map_or(0, |s| s.observed_generation);
    workload.metadata.generation.unwrap_or(0) <= seen
}

/// The rollout's progress. The order of the checks matters: until the controller has observed the newest version, its numbers belong to
/// an older one and mean nothing.
pub fn progress(workload: &WorkloadObject) -> Progress {
    if workload.metadata.deletion_timestamp.is_some() {
        let message = format!("the {} is being deleted", workload.kind);
        return at(RolloutState::Terminating, message);
    }
    if !is_observed(workload) {
        let paused = workload.spec.paused;
        return waiting(paused, "the controller has not seen the newest version yet");
    }
    let none = WorkloadStatus::default();
    let status = workload.status.as_ref().unwrap_or(&none);
    match workload.kind {
        WorkloadKind::Deployment => of_deployment(workload, status),
        WorkloadKind::StatefulSet => of_stateful_set(workload, status),
        WorkloadKind::DaemonSet => of_daemon_set(workload, status),
    }
}

fn of_deployment(workload: &WorkloadObject, status: &WorkloadStatus) -> Progress {
    let refused = refused_pods(status);
    if let Some(words) = deadline_exceeded(status) {
        let words = refused.unwrap_or(words);
        let message = format!("the progress deadline was exceeded: {words}");
        return at(RolloutState::Failed, message);
    }
    match lacking(wanted(workload), status) {
        Some(message) => waiting(workload.spec.paused, refused.map_or(message, str::to_owned)),
        None => at(RolloutState::Complete, "rolled out"),
    }
}

/// Like kubectl, it does not ask whether the ready pods are available.
fn of_stateful_set(workload: &WorkloadObject, status: &WorkloadStatus) -> Progress {
    let (wanted, updated) = (wanted(workload), status.updated_replicas);
    if status.ready_replicas < wanted {
        let ready = status.ready_replicas;
        return waiting(false, format!("{ready} of {wanted} replicas are ready"));
    }
    let is_settled = status.update_revision == status.current_revision;
    if workload.is_on_delete() && !is_settled && updated < wanted {
        return waiting(false, on_delete(wanted - updated));
    }
    let rolling = workload.spec.strategy.rolling_update.as_ref();
    match rolling.and_then(|rolling| rolling.partition) {
        Some(partition) => {
            let meant = (wanted - partition).max(0);
            if updated < meant {
                let message = format!("{updated} of {meant} replicas are of the newest version");
                return waiting(false, message);
            }
            if partition > 0 && !is_settled {
                let message = format!(
                    "rolled out to {meant} of {wanted} replicas; those below the partition {partition} keep the older version"
                );
                return at(RolloutState::Complete, message);
            }
        }
        None if !is_settled && !workload.is_on_delete() => {
            let message = format!("{updated} of {wanted} replicas are of the newest version");
            return waiting(false, message);
        }
        None => {}
    }
    at(RolloutState::Complete, "rolled out")
}

fn of_daemon_set(workload: &WorkloadObject, status: &WorkloadStatus) -> Progress {
    let (wanted, updated) = (wanted(workload), status.updated_replicas);
    let available = status.available_replicas;
    if updated < wanted && !(workload.is_on_delete() && available < wanted) {
        let old = wanted - updated;
        let message = match workload.is_on_delete() {
            true => on_delete(old),
            false => format!("{updated} of {wanted} pods are of the newest version"),
        };
        return waiting(false, message);
    }
    if available < wanted {
        let message = format!("{available} of {wanted} pods are available");
        return waiting(false, message);
    }
    at(RolloutState::Complete, "rolled out")
}

/// The rollout of a workload whose pods someone has to delete.
fn on_delete(old: i32) -> String {
    let (pods, run) = if old == 1 {
        ("pod", "runs")
    } else {
        ("pods", "run")
    };
    format!(
        "{old} {pods} {run} an older version until someone deletes them (update strategy OnDelete)"
    )
}

/// Whether only pods that someone has to delete are missing: then nothing is under way.
pub fn waits_for_deletion(workload: &WorkloadObject) -> bool {
    let none = WorkloadStatus::default();
    let status = workload.status.as_ref().unwrap_or(&none);
    workload.is_on_delete() && is_observed(workload) && status.ready_replicas >= wanted(workload)
}

fn lacking(wanted: i32, status: &WorkloadStatus) -> Option<String> {
    let updated = status.updated_replicas;
    if updated < wanted {
        return Some(format!(
            "{updated} of {wanted} replicas are of the newest version"
        ));
    }
    if status.replicas > updated {
        let old = status.replicas - updated;
        return Some(format!("{old} replicas of older versions have yet to end"));
    }
    let available = status.available_replicas;
    (available < updated).then(|| format!("{available} of {updated} new replicas are available"))
}

fn waiting(paused: bool, message: impl Into<String>) -> Progress {
    if paused {
        return at(RolloutState::Paused, "the deployment is paused");
    }
    at(RolloutState::Progressing, message)
}

fn at(state: RolloutState, message: impl Into<String>) -> Progress {
    Progress {
        state,
        message: message.into(),
    }
}

#[cfg(test)]
mod tests;
