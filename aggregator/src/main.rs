//! The aggregator's program: parse, log, run, report.

use aggregator::args::{AuditCommand, BusCommand, Cli, Command, NotificationsCommand, UserCommand};
use aggregator::{
    audit_admin, bus_admin, cluster_admin, healthcheck, notifications_admin, records_admin, run,
};
use aggregator_http::routes;
use anyhow::Context as _;
use bus_link::LogFormat;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};
use identity::password;
use std::io::Write as _;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    if let Err(error) = text_input::check_environment("MCA_") {
        Cli::command().error(ErrorKind::InvalidValue, error).exit();
    }
    match run(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line with all causes; `main` returning the error would add a backtrace.
            drop(writeln!(std::io::stderr(), "error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => {
            args.log_format.install();
            run::serve(args, stop()?).await
        }
        Command::Sign(args) => {
            args.log_format.install();
            run::sign(&args, stop()?).await
        }
        Command::User {
            command: UserCommand::HashPassword,
        } => Ok(password::hash_password_from_stdin()?),
        Command::Bus { command } => match command {
            BusCommand::Init(args) => bus_admin::init(&args),
            BusCommand::Creds(args) => bus_admin::creds(&args),
            BusCommand::Revoke(args) => {
                LogFormat::Text.install();
                cluster_admin::revoke_key(args).await
            }
            BusCommand::Renew(args) => bus_admin::renew(&args),
            BusCommand::Records(args) => {
                LogFormat::Text.install();
                records_admin::records(args).await
            }
        },
        Command::Audit {
            command: AuditCommand::Export(args),
        } => {
            LogFormat::Text.install();
            audit_admin::export(args).await
        }
        Command::Notifications {
            command: NotificationsCommand::Check(args),
        } => {
            LogFormat::Text.install();
            notifications_admin::check(&args).await
        }
        Command::Enroll(args) => {
            LogFormat::Text.install();
            cluster_admin::enroll(args).await
        }
        Command::Revoke(args) => {
            LogFormat::Text.install();
            cluster_admin::revoke(args).await
        }
        Command::Healthcheck(args) => match args.signer {
            Some(socket) => healthcheck::ask_signer(&socket),
            None => healthcheck::ask(args.listen),
        },
        Command::Openapi => Ok(std::io::stdout().write_all(routes::openapi_json()?.as_bytes())?),
    }
}

/// Resolves when the process is to end.
fn stop() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    })
}
