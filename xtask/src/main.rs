//! `cargo xtask …`: the demo, the tests and the lint.

#![expect(
    clippy::print_stdout,
    reason = "a command-line program speaks on standard output"
)]

use anyhow::Result;
use clap::Parser;

mod chromium;
mod demo;
mod lint;
mod programs;
mod step;
mod test;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Demo, tests and lint of the Multi-Cluster Aggregator"
)]
enum Command {
    Demo(demo::Options),
    Test(test::Options),
    /// Checks format, clippy's advice, licences and sources of dependencies, and that generated files are fresh
    Lint,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Command::parse() {
        Command::Demo(options) => demo::run(options).await,
        Command::Test(options) => test::run(&options),
        Command::Lint => lint::run().await,
    }
}
