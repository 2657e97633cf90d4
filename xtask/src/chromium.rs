//! The browser of the browser tests: Debian's Chromium.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::workspace;

pub const HINT: &str =
    "Chromium was not found: `apt-get install chromium`, or name one in CHROMIUM";

/// `$CHROMIUM`, else `chromium` on `PATH`.
pub fn find() -> Result<Option<PathBuf>> {
    match workspace::named_by("CHROMIUM")? {
        Some(program) => Ok(Some(program)),
        None => Ok(workspace::on_path("chromium")),
    }
}

/// Installs it as root on Debian; elsewhere the user must install it.
pub fn install() -> Result<PathBuf> {
    ensure!(is_debian() && rustix::process::geteuid().is_root(), HINT);
    println!("==> install Chromium");
    apt_get(&["update", "--quiet"])?;
    apt_get(&[
        "install",
        "--yes",
        "--quiet",
        "--no-install-recommends",
        "chromium",
    ])?;
    find()?.context(HINT)
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    let status = command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .context("cannot run apt-get")?;
    ensure!(status.success(), "apt-get {} failed", arguments[0]);
    Ok(())
}

fn is_debian() -> bool {
    fs::read_to_string("/etc/os-release").is_ok_and(|release| {
        let mut lines = release.lines();
        lines.any(|line| line == "ID=debian" || line == "ID_LIKE=debian")
    })
}
