//! `cargo xtask soak`: runs on real programs, one of which is killed, frozen or cut off in the middle, again and again. After each round
//! every workload must have exactly one new revision, and the counts of the runs and the audit must say so.

#![expect(
    clippy::print_stdout,
    reason = "a command-line program speaks on standard output"
)]

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

mod bed;
mod broker;
mod check;
mod fault;
mod kubernetes;
mod replica;
mod round;

use bed::Bed;
use fault::Fault;
use round::Tally;

/// Runs under faults. Fails if a workload was changed other than once, or a run's counts or the audit are wrong.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask soak")]
pub struct Options {
    /// Stop after this many runs
    #[arg(long, default_value_t = 200)]
    runs: usize,
    /// Runs at the same time, each over clusters of its own
    #[arg(long, default_value_t = 5)]
    at_once: usize,
    /// Clusters of each run
    #[arg(long, default_value_t = 3)]
    clusters: usize,
    /// Workloads of each cluster
    #[arg(long, default_value_t = 20)]
    workloads: usize,
    /// Servers of the bus: 1 or 3
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    brokers: u8,
    /// How many times faster rollouts are than in a real cluster
    #[arg(long, default_value_t = 10.0)]
    speed: f64,
    /// Only these faults
    #[arg(long, value_enum, value_delimiter = ',')]
    faults: Vec<Fault>,
    /// Repeats the same choices
    #[arg(long)]
    seed: Option<u64>,
}

/// The rounds on the same programs and stores.
const ROUNDS_OF_A_BED: usize = 10;

#[tokio::main]
async fn main() -> ExitCode {
    match soak(&Options::parse()).await {
        Ok(tally) if tally.wrong == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn soak(options: &Options) -> Result<Tally> {
    let seed = options.seed.unwrap_or_else(rand::random);
    println!("seed {seed}");
    let mut tally = Tally::default();
    let mut random = round::Random::new(seed, options);
    while tally.runs < options.runs {
        // A new one: the simulators remember every pod and event, and become slow.
        let mut bed = Bed::start(options).await?;
        for _ in 0..ROUNDS_OF_A_BED {
            let round = round::run(&mut bed, options, &mut random).await;
            tally.add(round.map_err(|error| bed.with_logs(error))?);
            if tally.runs >= options.runs {
                break;
            }
        }
    }
    println!("{tally}");
    Ok(tally)
}
