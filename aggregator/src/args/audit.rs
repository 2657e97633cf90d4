//! The command line of `aggregator audit`.

use std::path::PathBuf;

use bus_link::BusAddress;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// What can be done about the audit.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Write the lines before a date to a file, one JSON object a line, and purge them if told so.
    Export(AuditExport),
}

/// Lines to export.
#[derive(Debug, Args)]
pub struct AuditExport {
    /// The lines that were stored before: a day such as 2026-01-31, which begins at midnight UTC, or a time such as
    /// 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "DATE", value_parser = time)]
    pub before: Timestamp,
    /// The new file, private to its owner. One that is there already is left as it is.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Purge these lines once they are written; from the first operation on that is not settled yet, they stay.
    #[arg(long)]
    pub purge: bool,
    /// The bus.
    #[command(flatten)]
    pub bus: BusAddress,
    /// The credential of an administrator, as `aggregator bus creds --admin` makes it; without --purge the aggregator's own will do.
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
