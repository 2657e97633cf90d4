//! `cargo xtask …`: the demo, the tests, the bench, the soak and the lint.

#![expect(
    clippy::print_stdout,
    reason = "a command-line program speaks on standard output"
)]

use std::process::ExitCode;

use clap::Parser;

mod bench;
mod chromium;
mod debian;
mod demo;
mod lint;
mod node;
mod step;
mod test;
mod ui;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Demo, tests, bench, soak and lint of the Multi-Cluster Aggregator"
)]
enum Command {
    Demo(demo::Options),
    Test(test::Options),
    /// Measures the system next to its peers (see `cargo xtask bench --help`)
    Bench(bench::Options),
    /// Kills, freezes and cuts off parts during runs, and counts what was changed (see `cargo xtask soak --help`)
    Soak(bench::Options),
    /// Checks format, clippy's advice, licences and sources of dependencies, and that generated files are fresh
    Lint,
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Demo(options) => demo::run(options).await,
        Command::Test(options) => test::run(&options),
        Command::Bench(options) => bench::run("bench", options).await,
        Command::Soak(options) => bench::run("soak", options).await,
        Command::Lint => lint::run().await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without the backtrace that anyhow adds where RUST_BACKTRACE is set: it hides the message.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
