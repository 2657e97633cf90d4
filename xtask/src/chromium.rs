//! The browser of the browser tests: Debian's Chromium.

use std::path::PathBuf;

use anyhow::{Context, Result};
use xtask::workspace;

use crate::debian;

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
    debian::install("chromium").context(HINT)?;
    find()?.context(HINT)
}
