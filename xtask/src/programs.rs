//! Our own programs, built by cargo.

#![expect(
    clippy::print_stdout,
    reason = "somebody who waits for cargo wants to know what for"
)]

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::cargo;

pub struct Programs {
    pub agent: PathBuf,
    pub aggregator: PathBuf,
    pub simulator: PathBuf,
    pub load_agents: PathBuf,
}

/// Their packages. Always built together, so that their dependencies always have the same features and are built only once.
pub const PACKAGES: [&str; 4] = ["agent", "aggregator", "k8s-sim", LOAD_AGENTS];

/// Many clusters with their agents in one process.
pub const LOAD_AGENTS: &str = "load-agents";

/// How cargo builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Debug,
    Release,
}

impl Programs {
    /// Builds programs of `PACKAGES`.
    pub async fn build(profile: Profile) -> Result<Self> {
        Ok(Self::in_dir(&build(&PACKAGES, profile).await?))
    }

    /// They are already built.
    pub fn in_dir(dir: &Path) -> Self {
        Self {
            agent: dir.join("agent"),
            aggregator: dir.join("aggregator"),
            simulator: dir.join("k8s-sim"),
            load_agents: dir.join(LOAD_AGENTS),
        }
    }
}

/// Builds the programs of these packages in the target directory of this program. Returns the directory of the binaries.
pub async fn build(packages: &[&str], profile: Profile) -> Result<PathBuf> {
    let mut command = Command::from(cargo::command());
    command.args(["build", "--quiet"]);
    for package in packages {
        command.args(["-p", package]);
    }
    if profile == Profile::Release {
        command.arg("--release");
    }
    println!("building");
    let status = command.kill_on_drop(true).status().await;
    let status = status.context("cannot run cargo")?;
    ensure!(status.success(), "the programs do not build");
    let this = env::current_exe()?;
    // A file that cargo creates there: tests are one directory deeper than programs.
    let mut above = this.ancestors();
    let target = above.find(|dir| dir.join("CACHEDIR.TAG").is_file());
    let target = target.context("this program does not lie in a target directory")?;
    Ok(target.join(match profile {
        Profile::Debug => "debug",
        Profile::Release => "release",
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Each package with the features that it has when all of them are built together.
    fn built(arguments: &[&str]) -> BTreeSet<String> {
        let mut command = cargo::command();
        let format = ["--prefix", "none", "--format", "{p}: {f}"];
        command.args(["tree", "--locked", "--offline"]).args(format);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let lines = String::from_utf8(output.stdout).unwrap();
        let lines = lines.lines().map(|line| line.trim_end_matches(" (*)"));
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn the_programs_are_those_that_tests_have_built() {
        let mut programs = vec!["--edges", "normal,build"];
        for package in PACKAGES {
            programs.extend(["-p", package]);
        }
        let (programs, tests) = (built(&programs), built(&["--workspace"]));
        let others: Vec<_> = programs.difference(&tests).collect();
        assert!(others.is_empty(), "built twice: {others:#?}");
    }
}
