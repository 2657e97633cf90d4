//! Our own programs, built by cargo.

#![expect(
    clippy::print_stdout,
    reason = "whoever waits for cargo is told what for"
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
    /// Built only where it is asked for.
    pub crowd: PathBuf,
}

/// Their packages.
pub const PACKAGES: [&str; 3] = ["agent", "aggregator", "k8s-sim"];

/// Many clusters with their agents in one process.
pub const CROWD: &str = "crowd";

/// How cargo builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Debug,
    Release,
}

impl Programs {
    /// Those of `PACKAGES`, and of one package besides.
    pub async fn build(besides: Option<&str>, profile: Profile) -> Result<Self> {
        let packages: Vec<&str> = PACKAGES.into_iter().chain(besides).collect();
        Ok(Self::in_dir(&build(&packages, profile).await?))
    }

    /// Built already.
    pub fn in_dir(dir: &Path) -> Self {
        Self {
            agent: dir.join("agent"),
            aggregator: dir.join("aggregator"),
            simulator: dir.join("k8s-sim"),
            crowd: dir.join(CROWD),
        }
    }
}

/// Builds the programs of these packages where this program itself was built. The answer is the directory in which they lie.
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
    // A mark that cargo leaves there: tests lie one directory deeper than programs.
    let mut above = this.ancestors();
    let target = above.find(|dir| dir.join("CACHEDIR.TAG").is_file());
    let target = target.context("this program does not lie in a target directory")?;
    Ok(target.join(match profile {
        Profile::Debug => "debug",
        Profile::Release => "release",
    }))
}
