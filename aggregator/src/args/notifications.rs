//! The command line of `aggregator notifications`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The commands of `aggregator notifications`.
#[derive(Debug, Subcommand)]
pub enum NotificationsCommand {
    /// Check a file of webhooks, as `serve --notifications` reads it.
    Check(NotificationsCheck),
}

/// A file of webhooks.
#[derive(Debug, Args)]
pub struct NotificationsCheck {
    /// The file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Also send each webhook a test message, once, and print what came back.
    #[arg(long)]
    pub send: bool,
}
