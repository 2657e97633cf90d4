//! What can be measured. Each part starts what it needs and ends it again, so that no part is measured beside another.

use std::fmt;

use anyhow::Result;
use clap::ValueEnum;

use crate::options::Options;
use crate::row::Row;
use crate::test_bed::TestBed;

mod agent_memory;
mod away;
mod callers;
mod fleet;
mod list;
mod presence;
mod restart;
mod storm;
mod watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// A list of 50 deployments for one caller, beside the bare bus, a bare HTTP server and the API server itself
    List,
    /// The same for 16 callers, beside the design that this system replaces
    Callers,
    /// A restart, until it is written, beside a patch of the API server
    Restart,
    /// How soon a new cluster and the loss of one are shown
    Presence,
    /// The memory of an agent
    AgentMemory,
    /// A query over the whole fleet, beside the bare scatter, and the aggregator's memory before and after
    Fleet,
    /// The same when all clusters are away, from what they last said
    Away,
    /// A change in a cluster until a reader of the event stream has it
    Watch,
    /// The bus restarted under very many agents
    Storm,
}

impl Part {
    pub async fn run(self, options: &Options) -> Result<Vec<Row>> {
        TestBed::with(async |test_bed| match self {
            Self::List => list::rows(options, test_bed).await,
            Self::Callers => callers::rows(options, test_bed).await,
            Self::Restart => restart::rows(options, test_bed).await,
            Self::Presence => presence::rows(options, test_bed).await,
            Self::AgentMemory => agent_memory::rows(options, test_bed).await,
            Self::Fleet => fleet::rows(options, test_bed).await,
            Self::Away => away::rows(options, test_bed).await,
            Self::Watch => watch::rows(options, test_bed).await,
            Self::Storm => storm::rows(options, test_bed).await,
        })
        .await
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
