//! `cargo xtask bench` and `cargo xtask soak`: build the release programs, and run one of those of the bench's package, which is
//! separate so that no other command has to build it.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use xtask::programs::{self, PACKAGES, Profile};

/// The arguments of the program.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Options {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

pub async fn run(program: &str, options: Options) -> Result<()> {
    let packages: Vec<&str> = PACKAGES.into_iter().chain(["bench"]).collect();
    let built = programs::build(&packages, Profile::Release).await?;
    let status = Command::new(built.join(program))
        .args(options.arguments)
        .status();
    let status = status.with_context(|| format!("cannot run the {program}"))?;
    ensure!(status.success(), "the {program} ended with {status}");
    Ok(())
}
