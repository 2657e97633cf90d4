//! Restarts and other changes, and rollouts.

use std::collections::BTreeMap;

use bus_schema::verb::{
    ContainerImage, GetRollout, GetWorkload, Image, ImageNow, Imaged, ListRevisions, Pause, Paused,
    PodProblem, Restart, Restarted, Resume, RevisionSummary, Revisions, Rollout, RolloutState,
    Scale, Scaled, TemplateContainer, Undo, Undone, Workload, WorkloadCondition,
};

use bus_schema::{WorkloadKind, WorkloadRef, WriteGuard};

use serde_json::json;

use crate::{golden, name};

#[test]
fn restart() {
    let target = WorkloadRef::deployment(name("shop"), name("cart"));
    let guard = WriteGuard {
        operation_id: Some(name("019cb00b0e8-0123456789abcdef")),
        deadline: Some(name("2026-03-01T10:00:08.5Z")),
        cluster_uid: Some("5f1c7b9e-0000-4000-8000-000000000001".to_owned()),
        fence: false,
        reason: Some(name("TLS rotation")),
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
fn scale() {
    let target = WorkloadRef::deployment(name("shop"), name("cart"));
    let guard = WriteGuard {
        operation_id: Some(name("019cb00b0e8-0123456789abcdef")),
        ..WriteGuard::default()
    };
    let scale = Scale {
        target,
        replicas: 5,
        current_replicas: Some(2),
        guard,
    };
    golden("scale.request", &scale);
    golden(
        "scale.reply",
        &Scaled {
            target: scale.target,
            replicas: 5,
        },
    );
}

#[test]
fn image() {
    let target = WorkloadRef::deployment(name("shop"), name("cart"));
    let guard = WriteGuard {
        operation_id: Some(name("019cb00b0e8-0123456789abcdef")),
        ..WriteGuard::default()
    };
    let image = Image {
        target,
        images: vec![ContainerImage {
            container: name("cart"),
            image: name("shop/cart:1.4.3"),
        }],
        guard,
    };
    golden("image.request", &image);
    golden(
        "image.reply",
        &Imaged {
            target: image.target,
            images: vec![
                now("migrate", "shop/cart:1.4.2"),
                now("cart", "shop/cart:1.4.3"),
            ],
        },
    );
}

fn now(container: &str, image: &str) -> ImageNow {
    ImageNow {
        container: name(container),
        image: image.to_owned(),
    }
}

#[test]
fn undo() {
    let target = WorkloadRef::deployment(name("shop"), name("cart"));
    let guard = WriteGuard {
        operation_id: Some(name("019cb00b0e8-0123456789abcdef")),
        ..WriteGuard::default()
    };
    let undo = Undo {
        target,
        to_revision: 3,
        guard,
    };
    golden("undo.request", &undo);
    let mut reply = Undone {
        target: undo.target,
        to_revision: 3,
        unchanged: false,
        images: vec![now("cart", "shop/cart:1.4.2")],
        warnings: vec!["the next kubectl apply reverts this".to_owned()],
    };
    golden("undo.reply", &reply);
    reply.warnings.clear();
    reply.unchanged = true;
    golden("undo.reply.unchanged", &reply);
}

#[test]
fn the_revision_of_an_undo_is_counted_from_1() {
    for revision in ["0", "-1", "1.5", "\"3\"", "null", "9223372036854775808"] {
        let request =
            format!(r#"{{"namespace":"shop","deployment_name":"cart","to_revision":{revision}}}"#);
        assert!(
            serde_json::from_str::<Undo>(&request).is_err(),
            "{revision}"
        );
    }
}

#[test]
fn revisions() {
    let target = WorkloadRef {
        kind: WorkloadKind::StatefulSet,
        ..WorkloadRef::deployment(name("shop"), name("db"))
    };
    golden(
        "revisions.request",
        &ListRevisions {
            target: target.clone(),
            templates: vec![3, 4],
        },
    );
    let cause = "image: OPS-7 (operation 019cb00b0e8-0123456789abcdef)";
    let newest = RevisionSummary {
        revision: 4,
        current: true,
        created_at: Some(name("2026-03-01T10:00:00Z")),
        change_cause: Some(cause.to_owned()),
        operation_id: Some(name("019cb00b0e8-0123456789abcdef")),
        images: vec![now("db", "shop/db:2")],
        template: Some(
            json!({ "spec": { "containers": [{ "name": "db", "image": "shop/db:2" }] } }),
        ),
    };
    let oldest = RevisionSummary {
        revision: 1,
        current: false,
        created_at: None,
        change_cause: None,
        operation_id: None,
        images: vec![now("db", "shop/db:1")],
        template: None,
    };
    let revisions = Revisions {
        target,
        items: vec![newest, oldest],
    };
    golden("revisions.reply", &revisions);
    assert_eq!(revisions.current(), Some(4));
    assert_eq!(revisions.previous(), Some(1));
}

#[test]
fn get() {
    let target = WorkloadRef::deployment(name("shop"), name("cart"));
    golden(
        "get.request",
        &GetWorkload {
            target: target.clone(),
        },
    );
    let amounts = |cpu: &str, memory: &str| {
        let amounts = [("cpu", cpu), ("memory", memory)];
        BTreeMap::from(amounts.map(|(resource, amount)| (resource.to_owned(), amount.to_owned())))
    };
    golden(
        "get.reply",
        &Workload {
            target,
            uid: "5f1c7b9e-0000-4000-8000-000000000007".to_owned(),
            created_at: Some(name("2026-01-01T08:00:00Z")),
            revision: Some(4),
            replicas: 3,
            paused: true,
            strategy: Some("RollingUpdate".to_owned()),
            restarted_at: Some(name("2026-03-01T10:00:00Z")),
            operation_id: Some(name("019cb00b0e8-0123456789abcdef")),
            labels: BTreeMap::from([("app".to_owned(), "cart".to_owned())]),
            containers: vec![
                TemplateContainer {
                    container: name("migrate"),
                    image: "shop/cart:1.4.2".to_owned(),
                    init: true,
                    requests: BTreeMap::new(),
                    limits: BTreeMap::new(),
                },
                TemplateContainer {
                    container: name("cart"),
                    image: "shop/cart:1.4.2".to_owned(),
                    init: false,
                    requests: amounts("250m", "64Mi"),
                    limits: amounts("1", "128Mi"),
                },
            ],
            conditions: vec![WorkloadCondition {
                kind: "Available".to_owned(),
                status: "True".to_owned(),
                reason: "MinimumReplicasAvailable".to_owned(),
                message: "Deployment has minimum availability.".to_owned(),
                since: Some(name("2026-03-01T10:00:01Z")),
            }],
        },
    );
}

#[test]
fn rollout() {
    golden(
        "rollout.request",
        &GetRollout {
            target: WorkloadRef::deployment(name("shop"), name("cart")),
        },
    );
    golden(
        "rollout.reply",
        &Rollout {
            target: WorkloadRef::deployment(name("shop"), name("cart")),
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
            operation_id: Some(name("019cb00b000-0123456789abcdef")),
            problems: vec![PodProblem {
                pod: name("cart-5d4f-x2x9q"),
                container: Some(name("cart")),
                reason: "ImagePullBackOff".to_owned(),
                message: "Back-off pulling image".to_owned(),
            }],
        },
    );
}
