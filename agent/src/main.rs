//! The agent: parse, log, run, report.

use std::process::ExitCode;

use agent::{Args, shutdown};
use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    args.log_format.install();
    match agent::run(args.into(), shutdown::signalled()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the agent cannot run");
            ExitCode::FAILURE
        }
    }
}
