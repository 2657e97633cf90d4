//! The `nats` command line program, a peer in the tests.

use std::path::PathBuf;

use anyhow::Result;

use crate::{go_tools, workspace};

/// `$NATS_CLI`, else `nats` on `PATH`, else the one built from `tools/go.mod`, if it has been.
pub fn find() -> Result<Option<PathBuf>> {
    if let Some(program) = workspace::named_by("NATS_CLI")? {
        return Ok(Some(program));
    }
    match workspace::on_path("nats") {
        Some(program) => Ok(Some(program)),
        None => go_tools::find("nats"),
    }
}
