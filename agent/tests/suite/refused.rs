//! A credential that the bus rejects: one log line that says which one and what to do, and slow retries.

use std::path::Path;

use bus_keys::{Inbox, Permit, private_file};
use jiff::{SignedDuration, Timestamp};
use tokio::process::Command;
use xtask::condition;
use xtask::nats_server::NatsServer;
use xtask::process::Process;

use crate::stage::{PATIENCE, Stage};

/// The agent's binary; the tests read its log as an operator does.
fn program(stage: &Stage, creds: &Path, log: &Path) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent"));
    command
        .args(["--cluster-name", stage.cluster.as_str()])
        .args(["--nats-url", &stage.nats.url(), "--nats-creds"])
        .arg(creds)
        .arg("--kubeconfig")
        .arg(&stage.kubeconfig);
    Process::spawn("agent", command, log).expect("the program")
}

pub async fn line(log: &Path, part: &str) -> String {
    let look = async || {
        let text = std::fs::read_to_string(log)?;
        let found = text.lines().find(|line| line.contains(part));
        Ok(found.map(str::to_owned))
    };
    condition::met(part, PATIENCE, look).await.expect("a line")
}

fn refusals(log: &Path) -> usize {
    let text = std::fs::read_to_string(log).expect("a log");
    text.matches("refuses this agent").count()
}

#[tokio::test]
async fn a_credential_of_another_bus_is_logged_once_and_its_replacement_is_used() {
    let (_sim, stage, agent) = Stage::simulated().await;
    agent.left().await;
    let dir = tempfile::tempdir().unwrap();
    let other = NatsServer::start(&dir.path().join("other")).await.unwrap();
    let (creds, log) = (dir.path().join("agent.creds"), dir.path().join("agent.log"));
    let foreign = other.keys().agent_creds("cluster-a").unwrap();
    std::fs::copy(&foreign, &creds).unwrap();
    let _program = program(&stage, &creds, &log);
    let line = line(&log, "refuses this agent").await;
    for part in [
        "or belongs to another bus",
        "aggregator enroll cluster-a",
        "agent.creds",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    // Replaced while connection attempts continue.
    std::fs::copy(&stage.creds, &creds).unwrap();
    stage.ready().await;
    assert_eq!(
        refusals(&log),
        1,
        "{}",
        std::fs::read_to_string(&log).unwrap()
    );
    let text = std::fs::read_to_string(&log).unwrap();
    for creds in [&foreign, &stage.creds] {
        let text_of = std::fs::read_to_string(creds).unwrap();
        let seed = text_of
            .split_whitespace()
            .find(|word| word.starts_with("SU"));
        assert!(!text.contains(seed.unwrap()), "no private key in the log");
    }
}

#[tokio::test]
async fn invalid_credentials_end_the_program_with_the_reason() {
    let (_sim, stage, agent) = Stage::simulated().await;
    agent.left().await;
    let dir = tempfile::tempdir().unwrap();
    let keys = stage.nats.keys();
    let expired = Permit {
        name: "cluster-a".parse().unwrap(),
        clusters: vec![],
        verbs: vec![],
        may_list_agents: false,
        may_see_runs: false,
        inbox: Inbox::Own,
        expires_at: Some(Timestamp::now() - SignedDuration::from_secs(60)),
    };
    let broken = dir.path().join("broken.creds");
    private_file(&broken, "-----BEGIN NATS USER JWT-----").unwrap();
    let cases = [
        (keys.cli_creds(&expired).unwrap(), "expired at"),
        (
            keys.agent_creds("cluster-b").unwrap(),
            "is the credential of cluster-b",
        ),
        (broken, "there is no token in it"),
        (dir.path().join("none.creds"), "cannot be read"),
    ];
    for (number, (creds, part)) in cases.iter().enumerate() {
        let log = dir.path().join(format!("{number}.log"));
        let mut program = program(&stage, creds, &log);
        let ended = tokio::time::timeout(PATIENCE, program.wait()).await;
        assert!(!ended.unwrap().unwrap().success());
        line(&log, part).await;
    }
}
