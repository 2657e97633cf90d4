use super::*;
use crate::Amount;
use crate::record::{Approval, PlannedStage};
use TargetState::{Cancelled, Failed, Pending, Progressing, Skipped, Succeeded, Unknown, Waiting};
use serde_json::json;

const NOW: &str = "2026-03-01T10:00:00Z";

/// Two waves of two targets, in the clusters `a` and `b`.
pub fn run() -> Run {
    let now: Timestamp = NOW.parse().unwrap();
    let spec = json!({
        "action": "restart", "targets": {},
        "strategy": { "max_concurrency": 2, "max_concurrency_per_cluster": 1, "max_failures": 1 },
    });
    Run {
        id: "019cb00b000-0123456789abcdef".parse().unwrap(),
        spec: serde_json::from_value(spec).unwrap(),
        user: "ana".to_owned(),
        address: None,
        created_at: now,
        expires_at: now + jiff::SignedDuration::from_hours(1),
        plan_hash: String::new(),
        targets: 4,
        waves: 2,
        stages: vec![
            PlannedStage {
                name: "canary".to_owned(),
                first_wave: 0,
                wave_sizes: vec![2],
                approval: false,
            },
            PlannedStage {
                name: "rest".to_owned(),
                first_wave: 1,
                wave_sizes: vec![2],
                approval: false,
            },
        ],
        clusters: vec!["a".parse().unwrap(), "b".parse().unwrap()],
        left_out: 0,
        revision: 1,
        desired: Desired::Run,
        desired_by: None,
        state: RunState::Running,
        detail: None,
        transitions: Vec::new(),
        wave: 0,
        counts: BTreeMap::new(),
        approvals: Vec::new(),
        accepted_failures: 0,
        attempt: 1,
        started_at: None,
        ended_at: None,
    }
}

fn plan() -> Vec<PlannedTarget> {
    let target = |(cluster, name, wave): (&str, &str, u32)| PlannedTarget {
        cluster: cluster.parse().unwrap(),
        workload: bus_schema::WorkloadRef::deployment(
            "shop".parse().unwrap(),
            name.parse().unwrap(),
        ),
        wave,
    };
    [("a", "x", 0), ("b", "x", 0), ("a", "y", 1), ("b", "y", 1)]
        .map(target)
        .to_vec()
}

fn step_with(run: &Run, states: [TargetState; 4], offline: &str) -> Step {
    let situation = Situation {
        run,
        plan: &plan(),
        states: &states,
        now: NOW.parse().unwrap(),
        presence: &|cluster| match cluster.as_str() == offline {
            true => Some(Presence::Offline),
            false => Some(Presence::Online),
        },
    };
    situation.step()
}

fn step(run: &Run, states: [TargetState; 4]) -> Step {
    step_with(run, states, "")
}

#[test]
fn a_wave_begins_once_the_one_before_has_ended() {
    let run = run();
    assert_eq!(step(&run, [Pending; 4]).start, [0, 1]);
    assert_eq!(
        step(&run, [Succeeded, Progressing, Pending, Pending]).start,
        Vec::<u32>::new()
    );
    let second = step(&run, [Succeeded, Failed, Pending, Pending]);
    assert_eq!((second.start, second.wave), (vec![2, 3], 1));
    let ended = step(&run, [Succeeded, Failed, Succeeded, Skipped]);
    assert_eq!(
        (ended.state, ended.detail),
        (RunState::Succeeded, None),
        "one may fail"
    );
}

#[test]
fn more_failures_than_allowed_pause_the_run_and_a_resume_accepts_them() {
    let mut run = run();
    let states = [Failed, Unknown, Pending, Pending];
    let stopped = step(&run, states);
    assert_eq!(
        (stopped.state, stopped.desired),
        (RunState::Paused, Desired::Pause)
    );
    assert!(stopped.start.is_empty());
    assert_eq!(
        stopped.detail.as_deref(),
        Some("2 of 4 targets have failed, and at most 1 may")
    );
    run.accepted_failures = 2;
    assert_eq!(step(&run, states).start, [2, 3]);
    let ended = step(&run, [Failed, Unknown, Succeeded, Succeeded]);
    assert_eq!(ended.state, RunState::Failed, "accepted is not succeeded");
}

#[test]
fn a_run_that_aborts_on_failures_cancels_the_rest_and_has_failed() {
    let mut run = run();
    run.spec.strategy.on_max_failures = OnMaxFailures::Abort;
    let stopped = step(&run, [Failed, Failed, Pending, Pending]);
    assert_eq!(
        (stopped.state, stopped.desired),
        (RunState::Aborting, Desired::Abort)
    );
    let cancelled: Vec<_> = stopped
        .set
        .iter()
        .map(|(number, state, _)| (*number, *state))
        .collect();
    assert_eq!(cancelled, [(2, Cancelled), (3, Cancelled)]);
    run.desired = Desired::Abort;
    assert_eq!(
        step(&run, [Failed, Failed, Cancelled, Cancelled]).state,
        RunState::Failed
    );
}

#[test]
fn what_was_begun_is_watched_to_its_end_while_a_run_pauses_or_aborts() {
    let mut run = run();
    let states = [Succeeded, Progressing, Pending, Pending];
    run.desired = Desired::Pause;
    assert_eq!(step(&run, states).state, RunState::Pausing);
    assert_eq!(
        step(&run, [Succeeded, Succeeded, Pending, Pending]).state,
        RunState::Paused
    );
    run.desired = Desired::Abort;
    let aborting = step(&run, states);
    assert_eq!(
        (aborting.state, aborting.set.len()),
        (RunState::Aborting, 2)
    );
    let aborted = step(&run, [Succeeded, Succeeded, Cancelled, Cancelled]);
    assert_eq!(
        (aborted.state, aborted.detail.as_deref()),
        (RunState::Aborted, Some("2 targets were not begun"))
    );
}

#[test]
fn a_run_waits_for_its_time_and_expires_after_its_end() {
    let mut run = run();
    run.spec.not_before = Some("2026-03-01T10:00:01Z".parse().unwrap());
    let scheduled = step(&run, [Pending; 4]);
    assert_eq!(
        (scheduled.state, scheduled.start),
        (RunState::Scheduled, vec![])
    );
    run.spec.not_before = None;
    run.expires_at = NOW.parse().unwrap();
    let expired = step(&run, [Succeeded, Progressing, Pending, Waiting]);
    assert_eq!((expired.state, expired.set.len()), (RunState::Running, 2));
    assert_eq!(
        step(&run, [Succeeded, Succeeded, Cancelled, Cancelled]).state,
        RunState::Expired
    );
}

#[test]
fn a_stage_that_needs_an_approval_waits_for_it() {
    let mut run = run();
    run.stages[1].approval = true;
    let states = [Succeeded, Succeeded, Pending, Pending];
    let waiting = step(&run, states);
    assert_eq!(
        (waiting.state, waiting.start),
        (RunState::PendingApproval, vec![])
    );
    run.approvals.push(Approval {
        stage: "rest".to_owned(),
        user: "ben".to_owned(),
        time: run.created_at,
    });
    assert_eq!(step(&run, states).start, [2, 3]);
}

#[test]
fn targets_of_an_offline_cluster_are_skipped_fail_or_wait_as_the_strategy_says() {
    let mut run = run();
    for (policy, expected) in [
        (OfflinePolicy::Skip, Skipped),
        (OfflinePolicy::Fail, Failed),
        (OfflinePolicy::Wait, Waiting),
    ] {
        run.spec.strategy.offline = policy;
        let begun = step_with(&run, [Pending; 4], "b");
        assert_eq!(begun.start, [0]);
        assert_eq!(
            begun
                .set
                .iter()
                .map(|(number, state, _)| (*number, *state))
                .collect::<Vec<_>>(),
            [(1, expected)]
        );
    }
    let others = step_with(&run, [Succeeded, Waiting, Pending, Pending], "b");
    assert_eq!(others.start, [2], "who waits holds up no other wave");
    let back = step(&run, [Succeeded, Waiting, Succeeded, Waiting]);
    assert_eq!(back.start, [1], "one of the cluster at a time");
    run.spec.strategy.max_concurrency = Amount::Count(1);
    let full = step(&run, [Succeeded, Waiting, Progressing, Waiting]);
    assert!(full.start.is_empty(), "the wave is as large as it may be");
}
