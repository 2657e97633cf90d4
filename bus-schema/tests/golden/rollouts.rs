//! Restarts, and how they go.

use bus_schema::verb::{
    GetRollout, Pause, Paused, PodProblem, Restart, Restarted, Resume, Rollout, RolloutState,
};

use bus_schema::{WorkloadRef, WriteGuard};

use crate::{golden, name};

#[test]
fn restart() {
    let target = WorkloadRef::deployment(name("shop"), name("cart"));
    let guard = WriteGuard {
        operation_id: Some(name("019cb00b0e8-0123456789abcdef")),
        deadline: Some(name("2026-03-01T10:00:08.5Z")),
        cluster_uid: Some("5f1c7b9e-0000-4000-8000-000000000001".to_owned()),
        fence: false,
    };
    let mut restart = Restart { target, guard };
    golden("restart.request", &restart);
    restart.guard.fence = true;
    golden("restart.request.fence", &restart);
    golden(
        "restart.request.by-hand",
        &Restart {
            target: WorkloadRef::deployment(name("default"), name("fastapi-b")),
            guard: WriteGuard::default(),
        },
    );
    golden(
        "restart.reply",
        &Restarted {
            target: restart.target,
            restarted_at: Some(name("2026-03-01T10:00:00Z")),
        },
    );
}

#[test]
fn pause_and_resume() {
    let target = WorkloadRef::deployment(name("shop"), name("cart"));
    let guard = WriteGuard {
        operation_id: Some(name("019cb00b0e8-0123456789abcdef")),
        ..WriteGuard::default()
    };
    let pause = Pause { target, guard };
    golden("pause.request", &pause);
    let Pause { target, guard } = pause;
    let resume = Resume { target, guard };
    golden("resume.request", &resume);
    let target = resume.target;
    let mut reply = Paused {
        target,
        paused: true,
    };
    golden("pause.reply", &reply);
    reply.paused = false;
    golden("resume.reply", &reply);
}

#[test]
fn rollout() {
    golden(
        "rollout.request",
        &GetRollout {
            namespace: name("shop"),
            deployment_name: name("cart"),
        },
    );
    golden(
        "rollout.reply",
        &Rollout {
            namespace: name("shop"),
            deployment_name: name("cart"),
            state: RolloutState::Progressing,
            message: "1 of 3 new replicas have been updated".to_owned(),
            replicas: 3,
            total: 4,
            updated: 1,
            ready: 3,
            available: 3,
            generation: 7,
            observed_generation: 7,
            revision: Some(4),
            restarted_at: Some(name("2026-03-01T10:00:00Z")),
            problems: vec![PodProblem {
                pod: name("cart-5d4f-x2x9q"),
                container: Some(name("cart")),
                reason: "ImagePullBackOff".to_owned(),
                message: "Back-off pulling image".to_owned(),
            }],
        },
    );
}
