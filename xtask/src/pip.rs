//! Python packages, as pip installs them.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Installs what these lines pin with their hashes, and nothing else, into a directory of its own.
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
