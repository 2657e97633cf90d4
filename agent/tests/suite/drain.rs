//! The shutdown of an agent: no request in progress is lost, and the next agent knows what was done.

use std::collections::BTreeSet;
use std::time::Duration;

use bus_schema::StreamEnd;
use bus_schema::verb::{ListWorkloads, RolloutState};
use futures::future::join_all;
use k8s_sim::{Fault, Kind, Verb};
use tokio::process::Command;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use xtask::condition;
use xtask::process::{Process, Signal};

use crate::deployment::Target;
use crate::logs::Reader;
use crate::stage::{PATIENCE, Stage};

/// The agent's binary, in addition to agents in the test's process.
fn program(stage: &Stage, dir: &std::path::Path) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent"));
    command
        .env("MCA_CLUSTER_NAME", stage.cluster.as_str())
        .arg("--nats-url")
        .arg(stage.nats.url())
        .arg("--nats-creds")
        .arg(&stage.creds)
        .arg("--kubeconfig")
        .arg(&stage.kubeconfig);
    Process::spawn("agent", command, &dir.join("agent.log")).expect("the program")
}

#[tokio::test]
async fn on_sigterm_what_is_in_flight_is_answered_and_the_exit_is_a_success() {
    let (sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "in-flight").await;
    agent.left().await;

    let dir = tempfile::tempdir().unwrap();
    let mut program = program(&stage, dir.path());
    stage.ready().await;
    let slow = Fault::latency(Duration::from_secs(2))
        .for_verb(Verb::Get)
        .for_resource(Kind::Deployment);
    sim.clusters()[0].faults().set(slow);
    let rollout = target.rollout();
    let sent = join_all((0..20).map(|_| stage.ask(&rollout)));
    let stopped = async {
        // Lists do not call the slow API server: once one is answered, the earlier requests have been accepted.
        stage.ask(&ListWorkloads::default()).await.unwrap();
        program.signal(Signal::TERM).unwrap();
        timeout(PATIENCE, program.wait()).await.unwrap().unwrap()
    };
    let (answers, status) = tokio::join!(sent, stopped);
    assert_eq!(status.code(), Some(0), "{}", program.log_tail());
    for answer in answers {
        assert_eq!(answer.unwrap().state, RolloutState::Complete);
    }
}

#[tokio::test]
async fn while_the_bus_is_unreachable_shutdown_waits_for_nothing() {
    let (_sim, mut stage, agent) = Stage::simulated().await;
    agent.left().await;
    let dir = tempfile::tempdir().unwrap();
    let mut program = program(&stage, dir.path());
    stage.ready().await;
    stage.nats.kill().await.unwrap();
    let log = dir.path().join("agent.log");
    let noticed = async || {
        Ok(std::fs::read_to_string(&log)?
            .contains("disconnected")
            .then_some(()))
    };
    condition::met("the agent notices", PATIENCE, noticed)
        .await
        .unwrap();
    program.signal(Signal::TERM).unwrap();
    let status = timeout(PATIENCE, program.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0), "{}", program.log_tail());
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(!log.contains("stopped before all"), "{log}");
}

/// The client library removes a subscription shortly before the server does. A message in transit at that moment is lost: at most one
/// of a sequence of requests.
#[tokio::test]
async fn while_one_of_two_agents_leaves_the_other_answers() {
    let (_sim, stage, first) = Stage::simulated().await;
    let second = stage.agent();
    second_is_up(&stage).await;
    let done = CancellationToken::new();
    let ask_all_the_time = async {
        let (mut sent, mut lost) = (0, 0);
        // For a while at least, however soon it has stopped.
        while !done.is_cancelled() || sent <= 100 {
            let list = ListWorkloads::default();
            match timeout(Duration::from_secs(10), stage.ask(&list)).await {
                Ok(answer) => drop(answer.unwrap()),
                Err(_) => lost += 1,
            }
            sent += 1;
        }
        (sent, lost)
    };
    let leave = async {
        first.left().await;
        done.cancel();
    };
    let ((sent, lost), ()) = tokio::join!(ask_all_the_time, leave);
    assert!(lost <= 1, "{lost} of {sent}");
    second.left().await;
}

async fn second_is_up(stage: &Stage) {
    let mut instances = BTreeSet::new();
    condition::met("two instances", PATIENCE, async || {
        instances.insert(stage.ready().await.instance);
        Ok((instances.len() == 2).then_some(()))
    })
    .await
    .expect("two agents share the work");
}

#[tokio::test]
async fn a_followed_log_ends_when_its_agent_shuts_down() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "log-leaving").await;
    let mut reader = Reader::open(&stage, &target).await;
    reader.grant(10_000, false).await;
    reader.next().await;
    agent.left().await;
    assert_eq!(reader.end().await, StreamEnd::Leaving);
}

/// The state that an agent needs for that is stored in the cluster.
#[tokio::test]
async fn a_duplicate_after_the_agents_death_is_recognised_by_the_next_one() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "died").await;
    agent.left().await;
    let request = target.restart(1);
    let mut answers = Vec::new();
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let mut program = program(&stage, dir.path());
        stage.ready().await;
        answers.push(stage.ask(&request).await.unwrap());
        program.kill().await.unwrap();
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let agent = stage.agent();
    stage.ready().await;
    target.reaches(&stage, RolloutState::Complete).await;
    assert_eq!(target.replica_sets().await, 2);
    agent.left().await;
}
