//! What is published of runs.

use bus_schema::{Reason, RunState, RunUpdate, TargetState, subject};

use crate::{golden, name};

#[test]
fn updates() {
    golden(
        "run.event",
        &RunUpdate {
            run_id: name("019cb00b000-0123456789abcdef"),
            transition: 3,
            state: RunState::Paused,
            detail: Some("2 of 40 targets have failed, and at most 1 may".to_owned()),
            changed_by: None,
            action: "restart".to_owned(),
            user: "ana".to_owned(),
            reason: Some(Reason::try_from("TLS rotation".to_owned()).unwrap()),
            counts: [
                (TargetState::Pending, 30),
                (TargetState::Succeeded, 8),
                (TargetState::Failed, 2),
            ]
            .into(),
            targets: 40,
            wave: 2,
            waves: 11,
            time: name("2026-03-01T10:00:00Z"),
        },
    );
}

#[test]
fn its_subject_matches_the_pattern() {
    let run = name("019cb00b000-0123456789abcdef");
    let pattern = subject::RUN_EVENTS.replace('*', "019cb00b000-0123456789abcdef");
    assert_eq!(subject::run_event(&run), pattern);
}
