//! Installs Python packages with pip.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Installs only the pinned packages with these hashes into a separate directory.
pub fn install(pins: &str, into: &Path) -> Result<()> {
    let staging = tempfile::tempdir()?;
    let file = staging.path().join("pins.txt");
    fs::write(&file, pins)?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet"])
        .args(["--disable-pip-version-check", "--no-deps"])
        .args(["--require-hashes", "--only-binary", ":all:"])
        .arg("--target")
        .args([into, Path::new("-r"), &file]);
    let output = pip.output().context("cannot run python3")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
