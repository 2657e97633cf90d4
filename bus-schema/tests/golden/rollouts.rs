//! Restarts, and how they go.

use bus_schema::Guard;
use bus_schema::verb::{
    GetRollout, PodProblem, RestartDeployment, Restarted, Rollout, RolloutState,
};

use crate::{golden, name};

#[test]
fn restart() {
    golden(
        "restart.request",
        &RestartDeployment {
            namespace: name("shop"),
            deployment_name: name("cart"),
            restarted_at: Some(name("2026-03-01T10:00:00Z")),
            guard: Guard {
                operation_id: Some(name("op-4k2j")),
                deadline: Some(name("2026-03-01T10:00:08.5Z")),
                cluster_uid: Some("5f1c7b9e-0000-4000-8000-000000000001".to_owned()),
            },
        },
    );
    golden(
        "restart.request.by-hand",
        &RestartDeployment {
            namespace: name("default"),
            deployment_name: name("fastapi-b"),
            restarted_at: None,
            guard: Guard::default(),
        },
    );
    golden(
        "restart.reply",
        &Restarted {
            namespace: name("shop"),
            deployment_name: name("cart"),
            restarted_at: name("2026-03-01T10:00:00Z"),
        },
    );
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
