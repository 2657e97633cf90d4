//! `cargo xtask bench`: builds the release programs, and runs the bench, which is a separate package so that no other command has to
//! build it.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use xtask::programs::{self, PACKAGES, Profile};

/// Measures the system next to its peers (see `cargo xtask bench --help`)
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Options {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

pub async fn run(options: Options) -> Result<()> {
    let packages: Vec<&str> = PACKAGES.into_iter().chain(["bench"]).collect();
    let built = programs::build(&packages, Profile::Release).await?;
    let bench = Command::new(built.join("bench"))
        .args(options.arguments)
        .status();
    let status = bench.context("cannot run the bench")?;
    ensure!(status.success(), "the bench ended with {status}");
    Ok(())
}
