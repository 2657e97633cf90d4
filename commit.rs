//! The build script of agent and aggregator: names the commit that they are built from, for `--version`.
#![expect(
    clippy::print_stdout,
    reason = "a build script speaks to cargo on standard output"
)]

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=MCA_COMMIT");
    let given = env::var("MCA_COMMIT").ok().filter(|text| !text.is_empty());
    let commit = given.or_else(checked_out);
    let commit = commit.as_deref().unwrap_or("unknown");
    println!("cargo::rustc-env=MCA_COMMIT={commit}");
}

/// The commit of the work tree. Only for release builds, since each new commit builds the programs again.
fn checked_out() -> Option<String> {
    if env::var("PROFILE").ok()? != "release" {
        return None;
    }
    let log = git(&[
        "rev-parse",
        "--path-format=absolute",
        "--git-path",
        "logs/HEAD",
    ])?;
    println!("cargo::rerun-if-changed={log}");
    git(&["rev-parse", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
