//! What a careful operator would look at before a run is started.

use bus_schema::Health;
use serde::Serialize;
use utoipa::ToSchema;

use super::Candidate;

/// Something to know before a run is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlanWarning {
    /// What it is about, for programs.
    pub kind: WarningKind,
    /// How many targets.
    pub targets: u32,
    /// For people.
    pub message: String,
}

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// They have one replica.
    OneReplica,
    /// They stop all of their pods before new ones start.
    Recreate,
    /// They have no replicas.
    NoReplicas,
    /// They are failing or degraded already.
    Unhealthy,
    /// Their rollout is in progress.
    InRollout,
    /// Their cluster is offline.
    Offline,
}

type Applies = fn(&Candidate) -> bool;

/// What to know of these targets before they are restarted or changed otherwise.
#[must_use]
pub fn warnings(candidates: &[Candidate]) -> Vec<PlanWarning> {
    let kinds: [(WarningKind, &str, Applies); 6] = [
        (
            WarningKind::OneReplica,
            "have one replica, and may be unavailable for a moment",
            |it| it.replicas == 1,
        ),
        (
            WarningKind::Recreate,
            "stop all of their pods before new ones start, and are unavailable meanwhile",
            |it| it.recreate && it.replicas > 0,
        ),
        (
            WarningKind::NoReplicas,
            "have no replicas, so nothing will show whether the change works",
            |it| it.replicas == 0,
        ),
        (
            WarningKind::Unhealthy,
            "are failing or degraded already",
            |it| matches!(it.health, Health::Failed | Health::Degraded),
        ),
        (WarningKind::InRollout, "are in a rollout already", |it| {
            it.health == Health::Progressing
        }),
        (
            WarningKind::Offline,
            "are in a cluster that is offline, and wait until it is back",
            |it| it.health == Health::Unknown,
        ),
    ];
    let warning = |(kind, what, applies): (WarningKind, &str, Applies)| {
        let targets = candidates
            .iter()
            .filter(|candidate| applies(candidate))
            .count();
        let targets = u32::try_from(targets).unwrap_or(u32::MAX);
        (targets > 0).then(|| PlanWarning {
            kind,
            targets,
            message: format!("{targets} of the targets {what}"),
        })
    };
    kinds.into_iter().filter_map(warning).collect()
}
