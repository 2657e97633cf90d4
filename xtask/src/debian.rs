//! Debian's packages.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Installs a package, as root on Debian alone.
pub fn install(package: &str) -> Result<()> {
    ensure!(
        is_debian() && rustix::process::geteuid().is_root(),
        "packages are installed only on Debian, by root"
    );
    println!("==> install {package}");
    apt_get(&["update", "--quiet"])?;
    let options = ["install", "--yes", "--quiet", "--no-install-recommends"];
    apt_get(&[&options[..], &[package]].concat())
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
