//! The command line of `aggregator audit`.

use std::path::PathBuf;

use bus_link::BusAddress;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The commands of `aggregator audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Write the lines before a date to a file, one JSON object per line; with --purge, then delete them.
    Export(AuditExport),
}

/// Lines to export.
#[derive(Debug, Args)]
pub struct AuditExport {
    /// Export the lines stored before this day, such as 2026-01-31 (midnight UTC), or this time, such as 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "DATE", value_parser = time)]
    pub before: Timestamp,
    /// The file to create, private to its owner. An existing file is not overwritten.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Purge the exported lines once they are written, up to the first operation that has no outcome yet.
    #[arg(long)]
    pub purge: bool,
    /// The bus.
    #[command(flatten)]
    pub bus: BusAddress,
    /// The credential of an administrator, from `aggregator bus creds --admin`; without --purge the aggregator's own is enough.
    #[arg(long, env = "MCA_NATS_CREDS", value_name = "FILE")]
    pub nats_creds: PathBuf,
}

fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let day = text
        .parse::<Date>()
        .and_then(|day| day.to_zoned(TimeZone::UTC));
    day.map(|day| day.timestamp())
        .map_err(|_| "write it like 2026-01-31 or 2026-01-31T12:00:00Z".to_owned())
}
