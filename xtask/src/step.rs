//! Runs commands one after the other, with a line for each, and a summary at the end.

use std::process::Command;

use anyhow::{Context, Result, bail};

/// The failures so far.
#[derive(Default)]
pub struct Steps {
    failed: Vec<String>,
}

impl Steps {
    /// Runs a command; a failure is recorded for the summary, so that one run shows all of them.
    pub fn run(&mut self, name: &str, command: &mut Command) -> Result<()> {
        println!("==> {name}");
        let program = command.get_program().to_string_lossy().into_owned();
        let status = command
            .status()
            .with_context(|| format!("cannot run {program}"))?;
        if !status.success() {
            self.fail(format!("{name} ({status})"));
        }
        Ok(())
    }

    pub fn fail(&mut self, what: String) {
        println!("FAILED: {what}");
        self.failed.push(what);
    }

    pub fn verdict(self) -> Result<()> {
        if !self.failed.is_empty() {
            bail!("failed: {}", self.failed.join(", "));
        }
        Ok(())
    }
}
