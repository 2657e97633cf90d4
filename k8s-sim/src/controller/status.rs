//! A deployment's status: the counts of its ReplicaSets, and whether it progresses.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DeploymentStatus, ReplicaSet};

use super::conditions::{self, AVAILABLE, PROGRESSING};
use super::fleet::{Fleet, available, name_of, running, wanted};
use crate::derived::rolling::max_unavailable;
use crate::kind::Kind;
use crate::queue::Work;
use crate::state::State;
use crate::store::Key;

/// Updates the counts, without evaluating progress.
pub fn update(fleet: &mut Fleet, now: Timestamp) {
    fleet.deployment.status = Some(count(fleet, now));
}

/// Updates the counts and evaluates progress: complete, progressing or timed out.
pub fn progress(state: &mut State, fleet: &mut Fleet, now: Timestamp) {
    let before = fleet.deployment.status.clone().unwrap_or_default();
    let mut status = count(fleet, now);
    if let Some(seconds) = fleet.spec().progress_deadline_seconds {
        let deadline = state
            .clock
            .scale(Duration::from_secs(seconds.unsigned_abs().into()));
        judge(fleet, &before, &mut status, deadline, now);
        if let Some(due) = time_out_of(&status, deadline).filter(|due| *due > now) {
            state.queue.push(
                due,
                Work::Reconcile(Kind::Deployment, Key::of(&fleet.deployment)),
            );
        }
    } else if let Some(conditions) = &mut status.conditions {
        conditions.retain(|condition| condition.type_ != PROGRESSING);
    }
    fleet.deployment.status = Some(status);
}

fn judge(
    fleet: &Fleet,
    before: &DeploymentStatus,
    status: &mut DeploymentStatus,
    deadline: Duration,
    now: Timestamp,
) {
    let was_complete = status.replicas == status.updated_replicas
        && conditions::has_reason(status, PROGRESSING, conditions::NEW_SET_AVAILABLE);
    if was_complete {
        return;
    }
    let subject = match &fleet.new {
        Some(set) => format!("ReplicaSet \"{}\"", name_of(set)),
        None => format!(
            "Deployment \"{}\"",
            fleet
                .deployment
                .metadata
                .name
                .as_deref()
                .unwrap_or_default()
        ),
    };
    if is_complete(fleet, status) {
        let done = (PROGRESSING, "True", conditions::NEW_SET_AVAILABLE);
        conditions::renew(
            status,
            done,
            format!("{subject} has successfully progressed."),
            now,
        );
    } else if has_progressed(before, status) {
        let going = (PROGRESSING, "True", "ReplicaSetUpdated");
        conditions::renew(status, going, format!("{subject} is progressing."), now);
    } else if time_out_of(status, deadline).is_some_and(|due| due <= now) {
        let late = (PROGRESSING, "False", conditions::DEADLINE_EXCEEDED);
        conditions::set(
            status,
            late,
            format!("{subject} has timed out progressing."),
            now,
        );
    }
}

/// The progress deadline of the rollout; `None` if there is no rollout.
fn time_out_of(status: &DeploymentStatus, deadline: Duration) -> Option<Timestamp> {
    let condition = conditions::find(status, PROGRESSING)?;
    match condition.reason.as_deref() {
        Some(
            conditions::NEW_SET_AVAILABLE | conditions::DEADLINE_EXCEEDED | conditions::PAUSED,
        ) => None,
        _ => Some(condition.last_update_time.as_ref()?.0 + deadline),
    }
}

fn is_complete(fleet: &Fleet, status: &DeploymentStatus) -> bool {
    let all = some(fleet.replicas());
    status.updated_replicas == all && status.replicas == all && status.available_replicas == all
}

fn has_progressed(before: &DeploymentStatus, status: &DeploymentStatus) -> bool {
    let old = |s: &DeploymentStatus| s.replicas.unwrap_or(0) - s.updated_replicas.unwrap_or(0);
    status.updated_replicas > before.updated_replicas
        || old(status) < old(before)
        || status.ready_replicas > before.ready_replicas
        || status.available_replicas > before.available_replicas
}

fn count(fleet: &Fleet, now: Timestamp) -> DeploymentStatus {
    let before = fleet.deployment.status.clone().unwrap_or_default();
    let sum = |of: fn(&ReplicaSet) -> i32| fleet.sets().map(of).sum::<i32>();
    let serving = sum(available);
    let mut status = DeploymentStatus {
        observed_generation: fleet.deployment.metadata.generation,
        replicas: some(sum(running)),
        updated_replicas: some(fleet.new.as_ref().map_or(0, running)),
        ready_replicas: some(sum(ready)),
        available_replicas: some(serving),
        unavailable_replicas: some((sum(wanted) - serving).max(0)),
        terminating_replicas: Some(sum(terminating)),
        ..before
    };
    if serving >= fleet.replicas() - max_unavailable(&fleet.deployment) {
        let enough = (AVAILABLE, "True", "MinimumReplicasAvailable");
        let message = "Deployment has minimum availability.";
        conditions::set(&mut status, enough, message.to_owned(), now);
    } else {
        let too_few = (AVAILABLE, "False", "MinimumReplicasUnavailable");
        let message = "Deployment does not have minimum availability.";
        conditions::set(&mut status, too_few, message.to_owned(), now);
    }
    status
}

/// Counts of zero are left out of a status, as in a real cluster.
pub fn some(count: i32) -> Option<i32> {
    (count != 0).then_some(count)
}

fn ready(set: &ReplicaSet) -> i32 {
    let status = set.status.as_ref();
    status.and_then(|status| status.ready_replicas).unwrap_or(0)
}

fn terminating(set: &ReplicaSet) -> i32 {
    let status = set.status.as_ref();
    status
        .and_then(|status| status.terminating_replicas)
        .unwrap_or(0)
}
