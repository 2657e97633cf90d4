//! The parts of the bench. Each part starts what it needs and stops it again, so that no part runs beside another.

use anyhow::Result;

use crate::options::{Options, Part};
use crate::row::Row;
use crate::test_bed::TestBed;

mod agent_memory;
mod away;
mod callers;
mod fleet;
mod list;
mod presence;
mod restart;
mod runs;
mod storm;
mod watch;

/// Measures one part.
pub async fn run(part: Part, options: &Options) -> Result<Vec<Row>> {
    TestBed::with(async |test_bed| match part {
        Part::List => list::rows(options, test_bed).await,
        Part::Callers => callers::rows(options, test_bed).await,
        Part::Restart => restart::rows(options, test_bed).await,
        Part::Runs => runs::rows(options, test_bed).await,
        Part::Presence => presence::rows(options, test_bed).await,
        Part::AgentMemory => agent_memory::rows(options, test_bed).await,
        Part::Fleet => fleet::rows(options, test_bed).await,
        Part::Away => away::rows(options, test_bed).await,
        Part::Watch => watch::rows(options, test_bed).await,
        Part::Storm => storm::rows(options, test_bed).await,
    })
    .await
}
