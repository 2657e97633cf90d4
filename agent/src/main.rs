//! The agent: parse, log, run, report.

use std::process::ExitCode;

use agent::{Cli, Command, keygen, shutdown};
use bus_link::LogFormat;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

#[tokio::main]
async fn main() -> ExitCode {
    if let Err(error) = text_input::check_environment("MCA_") {
        Cli::command().error(ErrorKind::InvalidValue, error).exit();
    }
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
            let missing = ErrorKind::MissingRequiredArgument;
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
