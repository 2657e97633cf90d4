//! The agent: parse, log, run, report.

use std::process::ExitCode;

use agent::{Cli, Command, keygen, shutdown};
use clap::{CommandFactory, Parser};

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse() {
        Cli {
            command: Some(Command::Keygen { file, cluster }),
            ..
        } => {
            agent::LogFormat::Text.install();
            keygen(&file, &cluster)
        }
        Cli {
            args: Some(args), ..
        } => {
            args.log_format.install();
            agent::run(args.into(), shutdown::signalled()).await
        }
        Cli { .. } => {
            let missing = clap::error::ErrorKind::MissingRequiredArgument;
            let mut command = Cli::command();
            command
                .error(missing, "--cluster-name <CLUSTER_NAME> is missing")
                .exit()
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the agent cannot run");
            ExitCode::FAILURE
        }
    }
}
