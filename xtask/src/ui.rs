//! The web UI, built if it is older than its sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use xtask::workspace;

use crate::node;

/// Generated directories beside the sources.
const MADE: [&str; 3] = ["node_modules", "build", ".svelte-kit"];

pub fn package() -> PathBuf {
    workspace::root().join("ui")
}

/// The directory for `aggregator serve --ui-dir`.
pub fn build() -> Result<PathBuf> {
    let package = package();
    let built = package.join("build");
    if node::modified(&built.join("index.html")) >= newest(&package)? {
        return Ok(built);
    }
    node::install_modules(&package)?;
    println!("building the web UI");
    let output = node::npm(&package, &["run", "build"]).output();
    let output = output.context("cannot run npm")?;
    ensure!(
        output.status.success(),
        "the web UI does not build:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(built)
}

/// When the newest of the sources was written.
fn newest(dir: &Path) -> Result<Option<SystemTime>> {
    let mut newest = None;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if MADE.iter().any(|made| entry.file_name() == *made) {
            continue;
        }
        let written = if entry.file_type()?.is_dir() {
            self::newest(&entry.path())?
        } else {
            node::modified(&entry.path())
        };
        newest = newest.max(written);
    }
    Ok(newest)
}
