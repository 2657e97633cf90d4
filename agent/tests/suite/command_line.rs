//! A user of the real nats CLI.

use std::path::Path;

use bus_keys::{Inbox, Permit};
use bus_schema::verb::RolloutState;
use tokio::process::Command;
use xtask::{nats_cli, required};

use crate::deployment::Target;
use crate::stage::Stage;

/// With a credential for two verbs, as `aggregator bus creds` creates it.
async fn nats(program: &Path, stage: &Stage, arguments: &[&str]) -> String {
    let permit = Permit {
        name: "ana".parse().expect("a name"),
        clusters: vec![stage.cluster.clone()],
        verbs: vec!["restart", "rollout"],
        may_list_agents: true,
        may_see_runs: false,
        inbox: Inbox::Own,
        expires_at: None,
    };
    let creds = stage.nats.keys().cli_creds(&permit);
    let home = tempfile::tempdir().expect("a directory");
    let output = Command::new(program)
        .env("XDG_CONFIG_HOME", home.path())
        .args(["--server", &stage.nats.url()])
        .args(["--inbox-prefix", "_INBOX.ana", "--creds"])
        .arg(creds.expect("credentials"))
        .args(arguments)
        .kill_on_drop(true)
        .output()
        .await
        .expect("the nats CLI");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}{errors}");
    text + &errors
}

#[tokio::test]
async fn the_real_nats_cli_restarts_a_deployment_and_lists_the_agent() {
    let Some(program) = required::or_skip(nats_cli::find().unwrap(), "nats CLI") else {
        return;
    };
    let (_sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "by-hand").await;
    let restart = r#"{"namespace":"by-hand","deployment_name":"my.app"}"#;
    let arguments = ["req", "cluster.cluster-a.restart", restart, "--raw"];
    let done = nats(&program, &stage, &arguments).await;
    assert!(done.contains(r#""restarted_at":""#), "{done}");
    target.reaches(&stage, RolloutState::Complete).await;
    assert_eq!(target.replica_sets().await, 2);

    let wrong = ["req", "cluster.cluster-a.restart", "{}"];
    let refused = nats(&program, &stage, &wrong).await;
    assert!(
        refused.contains("Nats-Service-Error-Code: 400"),
        "{refused}"
    );
    assert!(refused.contains(r#""code":"invalid_request""#), "{refused}");

    let listed = nats(&program, &stage, &["micro", "ls"]).await;
    assert!(listed.contains("agent"), "{listed}");
    assert!(listed.contains(env!("CARGO_PKG_VERSION")), "{listed}");
    let stats = nats(&program, &stage, &["micro", "stats", "agent"]).await;
    for verb in bus_schema::VERBS {
        assert!(stats.contains(verb.name), "{}: {stats}", verb.name);
    }
    agent.left().await;
}

/// The commit is that of the build, or unknown; never an older one.
#[tokio::test]
async fn the_version_names_the_commit() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_agent"));
    let output = program.arg("--version").output().await.expect("the agent");
    let (version, commit) = (env!("CARGO_PKG_VERSION"), env!("MCA_COMMIT"));
    let line = format!("agent {version} (commit {commit})\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout), line);
    assert!(!commit.is_empty());
}
