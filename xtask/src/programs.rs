//! Our own programs, built by cargo.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

pub struct Programs {
    pub agent: PathBuf,
    pub aggregator: PathBuf,
    pub simulator: PathBuf,
}

/// Builds them where this program itself was built.
pub async fn build(release: bool) -> Result<Programs> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args([
        "build",
        "--quiet",
        "-p",
        "agent",
        "-p",
        "aggregator",
        "-p",
        "k8s-sim",
    ]);
    if release {
        command.arg("--release");
    }
    println!("building");
    let status = command.kill_on_drop(true).status().await;
    let status = status.context("cannot run cargo")?;
    ensure!(status.success(), "the programs do not build");
    let this = env::current_exe()?;
    let target = this.ancestors().nth(2).context("no target directory")?;
    let built = target.join(if release { "release" } else { "debug" });
    Ok(Programs {
        agent: built.join("agent"),
        aggregator: built.join("aggregator"),
        simulator: built.join("k8s-sim"),
    })
}
