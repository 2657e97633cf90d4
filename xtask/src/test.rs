//! `cargo xtask test`: all tests, with every peer that is available.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use xtask::nats_server::binary;
use xtask::{cargo, go_tools, nats_cli, nginx, required, schemathesis, workspace};

use crate::step::Steps;
use crate::{chromium, debian, node, ui};

/// Runs all tests: Rust, a real Kubernetes API, the nats CLI, the browser; says what was skipped and why
#[derive(Args)]
pub struct Options {
    /// Install missing peers if possible, and fail if not
    #[arg(long)]
    require_all: bool,
}

pub fn run(options: &Options) -> Result<()> {
    let mut steps = Steps::default();
    let mut skipped = Skipped {
        reasons: Vec::new(),
        forbidden: options.require_all,
    };
    let reports = tempfile::tempdir()?;
    let reports = reports.path().join("skipped");
    let environment = Environment::prepare(options, &mut skipped, &reports)?;
    let mut tests = cargo::command();
    tests.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    tests.env("RUST_TEST_THREADS", threads()?.to_string());
    steps.run("Rust tests", environment.given_to(&mut tests))?;
    test_ui(&mut skipped, &mut steps)?;
    test_in_browser(options, &environment, &mut skipped, &mut steps)?;
    skipped.add_reports(&reports)?;
    skipped.print();
    steps.verdict()
}

/// The number of tests that run concurrently: they wait for heartbeats and rollouts most of the time.
fn threads() -> Result<usize> {
    Ok(3 * std::thread::available_parallelism()?.get())
}

/// The tests that were skipped, and why.
struct Skipped {
    reasons: Vec<String>,
    forbidden: bool,
}

impl Skipped {
    fn add(&mut self, reason: String) -> Result<()> {
        if self.forbidden {
            bail!("{reason}");
        }
        self.reasons.push(reason);
        Ok(())
    }

    /// Skipped by the tests themselves.
    fn add_reports(&mut self, file: &Path) -> Result<()> {
        if file.exists() {
            let reports = fs::read_to_string(file)?;
            self.reasons.extend(reports.lines().map(str::to_owned));
        }
        Ok(())
    }

    fn print(&self) {
        match self.reasons.as_slice() {
            [] => println!("nothing was skipped"),
            reasons => {
                println!("skipped:");
                reasons.iter().for_each(|reason| println!("  {reason}"));
            }
        }
    }
}

/// The variables by which the tests find their peers.
struct Environment(Vec<(&'static str, OsString)>);

impl Environment {
    fn prepare(options: &Options, skipped: &mut Skipped, reports: &Path) -> Result<Self> {
        let mut variables = vec![
            ("NATS_SERVER", binary::find_or_install()?.into_os_string()),
            (required::SKIPPED, reports.as_os_str().to_owned()),
        ];
        build_go_tools(skipped)?;
        if let Err(error) = schemathesis::install() {
            skipped.add(format!("test with Schemathesis: {error:#}"))?;
        }
        if std::env::var_os("KUBEBUILDER_ASSETS").is_none() {
            variables.push(("KUBEBUILDER_ASSETS", go_tools::assets()?.into_os_string()));
        }
        if options.require_all && nginx::find()?.is_none() {
            debian::install("nginx-light").context(nginx::HINT)?;
        }
        if let Some(cli) = nats_cli::find()? {
            variables.push(("NATS_CLI", cli.into_os_string()));
        }
        if options.require_all {
            variables.push(("MCA_REQUIRE_ALL", "1".into()));
        }
        Ok(Self(variables))
    }

    fn given_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(self.0.iter().map(|(name, value)| (*name, value)))
    }
}

fn build_go_tools(skipped: &mut Skipped) -> Result<()> {
    let missing = go_tools::missing()?;
    if !missing.is_empty() && workspace::on_path("go").is_none() {
        let names: Vec<&str> = missing.iter().map(|tool| tool.program).collect();
        return skipped.add(format!(
            "tests with {}: Go is not installed, and neither KUBEBUILDER_ASSETS nor NATS_CLI has them",
            names.join(", ")
        ));
    }
    for tool in missing {
        let program = tool.program;
        println!("==> build {program} (once; the Kubernetes ones take minutes)");
        if let Err(error) = tool.build() {
            skipped.add(format!("tests with {program}: {error:#}"))?;
        }
    }
    Ok(())
}

/// Tests without a browser: the UI's pure functions, and the size of its first load.
fn test_ui(skipped: &mut Skipped, steps: &mut Steps) -> Result<()> {
    if let Some(reason) = node::missing() {
        return skipped.add(format!("tests of the web UI: {reason}"));
    }
    ui::build()?;
    for (name, script) in [
        ("tests of the web UI", "test"),
        ("first load of the web UI", "budget"),
    ] {
        let arguments = ["run", "--silent", script];
        steps.run(name, &mut node::npm(&ui::package(), &arguments))?;
    }
    Ok(())
}

fn test_in_browser(
    options: &Options,
    environment: &Environment,
    skipped: &mut Skipped,
    steps: &mut Steps,
) -> Result<()> {
    let chromium = match chromium::find()? {
        None if options.require_all => Some(chromium::install()?),
        found => found,
    };
    let Some(chromium) = chromium else {
        return skipped.add(format!("browser tests: {}", chromium::HINT));
    };
    if let Some(reason) = node::missing() {
        return skipped.add(format!("browser tests: {reason}"));
    }
    let browser = workspace::root().join("xtask/browser");
    node::install_modules(&browser)?;
    let mut node = Command::new("node");
    node.current_dir(&browser)
        // Each file starts its own demo, and waits most of the time. This reporter ends with the failures and their reasons.
        .args(["--test", "--test-concurrency=2", "--test-reporter=spec"])
        .env("CHROMIUM", chromium);
    // They start demos, which cargo builds.
    cargo::forget_package(&mut node);
    steps.run("browser tests", environment.given_to(&mut node))
}
