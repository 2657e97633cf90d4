//! `cargo xtask bench`: starts the system and its peers, measures them in one run, and prints a row for each.

#![expect(
    clippy::print_stdout,
    reason = "a command-line program speaks on standard output"
)]

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Parser;

mod caller;
mod load;
mod memory;
mod options;
mod part;
mod round;
mod row;
mod seed;
mod table;
mod test_bed;

use options::Options;
use row::Row;

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A part that fails loses only its own rows; the others are measured, and the error is returned at the end.
async fn run(options: &Options) -> Result<()> {
    let mut rows: Vec<Row> = Vec::new();
    let mut failed = Vec::new();
    for part in options.chosen() {
        eprintln!("==> {part}");
        match part::run(part, options).await {
            Ok(more) => {
                more.iter().for_each(|row| eprintln!("{row:?}"));
                rows.extend(more);
            }
            Err(error) => {
                eprintln!("{part} did not run: {error:#}");
                failed.push(part.to_string());
            }
        }
        // After each part, so that an interrupted run leaves its results so far.
        if let Some(file) = &options.json {
            table::write_json(file, &rows)?;
        }
    }
    print!("{}", table::Table(&rows));
    ensure!(failed.is_empty(), "did not run: {}", failed.join(", "));
    Ok(())
}
