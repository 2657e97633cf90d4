//! `cargo xtask lint`: what can be checked without running the system.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::programs::{Profile, Programs};
use xtask::{cargo, go_tools, workspace};

use crate::step::Steps;
use crate::{node, ui};

const CARGO_DENY: &str = "0.20.2";

pub async fn run() -> Result<()> {
    let mut steps = Steps::default();
    steps.run("format", cargo::command().args(["fmt", "--all", "--check"]))?;
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--quiet",
    ];
    steps.run(
        "clippy",
        cargo::command().args(clippy).args(["--", "-D", "warnings"]),
    )?;
    check_compose(&mut steps)?;
    check_workflows(&mut steps)?;
    check_dependencies(&mut steps)?;
    check_openapi(&mut steps).await?;
    check_ui(&mut steps)?;
    steps.verdict()
}

/// Only checks what Docker Compose itself rejects; starting the services is tested by hand.
fn check_compose(steps: &mut Steps) -> Result<()> {
    let compose = || {
        let mut command = Command::new("docker");
        command.current_dir(workspace::root()).arg("compose");
        command
    };
    if !compose()
        .arg("version")
        .output()
        .is_ok_and(|output| output.status.success())
    {
        println!("NOT CHECKED: compose.yaml, because Docker Compose is not installed");
        return Ok(());
    }
    for profile in ["simulated", "k3s"] {
        let mut config = compose();
        config.args(["--profile", profile, "config", "--quiet"]);
        steps.run(&format!("compose.yaml, profile {profile}"), &mut config)?;
    }
    Ok(())
}

/// The workflows of GitHub Actions, which cannot be run here.
fn check_workflows(steps: &mut Steps) -> Result<()> {
    let Some(program) = go_tools::find_or_build("actionlint")? else {
        println!("NOT CHECKED: .github/workflows, because neither actionlint nor Go is installed");
        return Ok(());
    };
    let mut check = Command::new(program);
    check.current_dir(workspace::root());
    // It would also run these where they happen to be installed.
    check.args(["-shellcheck=", "-pyflakes="]);
    steps.run("workflows", &mut check)
}

fn check_dependencies(steps: &mut Steps) -> Result<()> {
    let program = cargo_deny()?;
    let deny = || {
        let mut command = Command::new(&program);
        command.current_dir(workspace::root());
        command
    };
    let mut check = deny();
    check.args([
        "check",
        "--hide-inclusion-graph",
        "licenses",
        "bans",
        "sources",
    ]);
    steps.run("dependencies: licences, bans, sources", &mut check)?;
    // The database is a remote git repository. If it cannot be reached, nothing can be checked, which is not a failure of this tree.
    let fetched = deny()
        .args(["--log-level", "off", "fetch", "db"])
        .status()?;
    if !fetched.success() {
        println!("NOT CHECKED: advisories, because their database cannot be reached");
        return Ok(());
    }
    let mut check = deny();
    check.args(["check", "--disable-fetch", "advisories"]);
    steps.run("dependencies: advisories", &mut check)
}

/// The pinned version, built into the cache if missing. Without optimisation: it runs for a second.
fn cargo_deny() -> Result<PathBuf> {
    let root = workspace::cache()?.join("cargo-deny").join(CARGO_DENY);
    let program = root.join("bin/cargo-deny");
    if program.is_file() {
        return Ok(program);
    }
    println!("==> install cargo-deny {CARGO_DENY}");
    let status = cargo::command()
        .args([
            "install",
            "--quiet",
            "--debug",
            "--locked",
            "--version",
            CARGO_DENY,
        ])
        .arg("--root")
        .arg(&root)
        .arg("cargo-deny")
        // Its own warnings must not fail the build.
        .env_remove("RUSTFLAGS")
        .status()?;
    ensure!(
        status.success(),
        "cargo-deny {CARGO_DENY} could not be installed"
    );
    Ok(program)
}

fn check_ui(steps: &mut Steps) -> Result<()> {
    if let Some(reason) = node::missing() {
        println!("NOT CHECKED: the web UI, because {reason}");
        return Ok(());
    }
    let package = ui::package();
    node::install_modules(&package)?;
    for (name, script) in [
        ("types", "check"),
        ("eslint, prettier", "lint"),
        ("aggregator/openapi.json", "openapi"),
    ] {
        let arguments = ["run", "--silent", script];
        steps.run(
            &format!("web UI: {name}"),
            &mut node::npm(&package, &arguments),
        )?;
    }
    Ok(())
}

async fn check_openapi(steps: &mut Steps) -> Result<()> {
    println!("==> aggregator/openapi.json is fresh");
    let programs = Programs::build(Profile::Debug).await?;
    let output = Command::new(programs.aggregator).arg("openapi").output()?;
    ensure!(output.status.success(), "`aggregator openapi` failed");
    let committed = workspace::root().join("aggregator/openapi.json");
    let committed = fs::read(&committed).context("aggregator/openapi.json is not there")?;
    if output.stdout != committed {
        steps.fail(
            "aggregator/openapi.json is stale: cargo run -p aggregator -- openapi > aggregator/openapi.json"
                .to_owned(),
        );
    }
    Ok(())
}
