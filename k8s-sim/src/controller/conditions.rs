//! A deployment's conditions. A condition's transition time changes only with its status.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DeploymentCondition, DeploymentStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub const AVAILABLE: &str = "Available";
pub const PROGRESSING: &str = "Progressing";

pub const NEW_SET_AVAILABLE: &str = "NewReplicaSetAvailable";
pub const DEADLINE_EXCEEDED: &str = "ProgressDeadlineExceeded";
pub const PAUSED: &str = "DeploymentPaused";
pub const RESUMED: &str = "DeploymentResumed";

pub fn find<'a>(status: &'a DeploymentStatus, type_: &str) -> Option<&'a DeploymentCondition> {
    let mut conditions = status.conditions.iter().flatten();
    conditions.find(|condition| condition.type_ == type_)
}

pub fn has_reason(status: &DeploymentStatus, type_: &str, reason: &str) -> bool {
    find(status, type_).is_some_and(|c| c.reason.as_deref() == Some(reason))
}

/// Sets the condition unless it is unchanged.
pub fn set(
    status: &mut DeploymentStatus,
    (type_, value, reason): (&str, &str, &str),
    message: String,
    now: Timestamp,
) {
    let same = find(status, type_)
        .is_some_and(|c| c.status == value && c.reason.as_deref() == Some(reason));
    if !same {
        renew(status, (type_, value, reason), message, now);
    }
}

/// Sets the condition, with a new update time even if it is unchanged: this is how progress is recorded.
pub fn renew(
    status: &mut DeploymentStatus,
    (type_, value, reason): (&str, &str, &str),
    message: String,
    now: Timestamp,
) {
    let transition = match find(status, type_) {
        Some(c) if c.status == value => c.last_transition_time.clone(),
        _ => Some(Time(now)),
    };
    let conditions = status.conditions.get_or_insert_default();
    conditions.retain(|condition| condition.type_ != type_);
    conditions.push(DeploymentCondition {
        type_: type_.to_owned(),
        status: value.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_update_time: Some(Time(now)),
        last_transition_time: transition,
    });
}
