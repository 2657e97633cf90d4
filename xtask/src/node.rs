//! Node.js, for the web UI and the browser tests.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use xtask::workspace;

/// Why it cannot be used, if so.
pub fn missing() -> Option<&'static str> {
    let there = ["node", "npm"].map(|program| workspace::on_path(program).is_some());
    (there != [true, true]).then_some("Node.js with npm is not installed")
}

pub fn npm(package: &Path, arguments: &[&str]) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(package).args(arguments);
    npm
}

/// Once for each state of the lock file.
pub fn install_modules(package: &Path) -> Result<()> {
    let installed = modified(&package.join("node_modules/.package-lock.json"));
    if installed.is_some_and(|at| Some(at) >= modified(&package.join("package-lock.json"))) {
        return Ok(());
    }
    println!("==> install node modules");
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    let status = npm(package, &arguments).status();
    let status = status.context("cannot run npm")?;
    ensure!(status.success(), "npm ci failed in {}", package.display());
    Ok(())
}

/// When a file was last written; `None` if it does not exist.
pub fn modified(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).ok()?.modified().ok()
}
