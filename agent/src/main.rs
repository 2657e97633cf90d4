//! The agent: parse, log, run, report.

use std::process::ExitCode;

use agent::{Cli, Command, keygen, shutdown};
use bus_link::LogFormat;
use clap::{CommandFactory, Parser};

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse() {
        Cli {
            command: Some(Command::Keygen { file, cluster }),
            ..
        } => {
            LogFormat::Text.install();
            keygen(&file, &cluster)
        }
        Cli {
            args: Some(args),
            bus,
            ..
        } => {
            args.log_format.install();
            agent::run(args.config(bus), shutdown::signalled()).await
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
