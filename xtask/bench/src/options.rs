//! The command line.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Measures the system next to its peers. Fails only if a part did not run, not if a target is missed.
#[derive(Debug, Clone, Parser)]
#[command(name = "cargo xtask bench")]
pub struct Options {
    /// What to measure [default: everything]
    #[arg(value_enum, value_name = "NAME")]
    parts: Vec<Part>,
    /// Write the rows here as well
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Clusters of the fleet
    #[arg(long, default_value_t = 1_000, value_parser = positive)]
    pub clusters: usize,
    /// Deployments of each of them
    #[arg(long, default_value_t = 100, value_parser = positive)]
    pub deployments: usize,
    /// Deployments of the one cluster whose agent's memory is read
    #[arg(long, default_value_t = 10_000, value_parser = positive)]
    pub many: usize,
    /// Targets of a run
    #[arg(long, default_value_t = 1_000, value_parser = positive)]
    pub targets: usize,
    /// Agents' connections in the storm
    #[arg(long, default_value_t = 10_000, value_parser = positive)]
    pub connections: usize,
    /// How often each measurement is repeated, all peers in turn; the medians count
    #[arg(long, default_value_t = 7, value_parser = positive)]
    pub rounds: usize,
    /// How long one measurement of one peer lasts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// A list of 50 deployments for one caller, compared with the bare bus, a bare HTTP server and the API server itself
    List,
    /// The same for 16 callers, compared with the design that this system replaces
    Callers,
    /// A restart, until it is written, compared with a patch of the API server
    Restart,
    /// A run over 100 clusters, compared with a script at the API servers, and the takeover by another replica
    Runs,
    /// How soon a new cluster and the loss of one are shown
    Presence,
    /// The memory of an agent
    AgentMemory,
    /// A query over the whole fleet, compared with the bare scatter, and the aggregator's memory before and after
    Fleet,
    /// The same when all clusters are offline, from the stored inventory
    Away,
    /// The latency from a change in a cluster to a reader of the event stream
    Watch,
    /// A restart of the bus with very many connected agents
    Storm,
}

impl Options {
    /// The parts to run, in order, each once.
    pub fn chosen(&self) -> Vec<Part> {
        let all = Part::value_variants().iter().copied();
        all.filter(|part| self.parts.is_empty() || self.parts.contains(part))
            .collect()
    }

    /// How long one measurement lasts.
    pub fn length(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_possible_value() {
            Some(value) => f.write_str(value.get_name()),
            None => Ok(()),
        }
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("not a whole number".to_owned()),
    }
}
