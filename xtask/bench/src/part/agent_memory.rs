//! The memory of a real agent: with an empty cluster, and with a cluster of very many deployments.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::sleep;

use crate::memory::resident;
use crate::options::Options;
use crate::row::{Row, Target};
use crate::test_bed::TestBed;

const NAMESPACES: usize = 50;

/// A sample each second: a single one may miss the peak.
const LOOKS: u32 = 8;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

pub async fn rows(options: &Options, test_bed: &mut TestBed) -> Result<Vec<Row>> {
    let idle = most(test_bed, 1, 0).await?;
    // Nothing else must run during a measurement.
    test_bed.clusters.clear();
    let many = options.many.div_ceil(NAMESPACES);
    let full = TestBed::with(async |test_bed| most(test_bed, NAMESPACES, many).await).await?;
    let name = format!("agent memory, {} deployments", many * NAMESPACES);
    Ok(vec![
        Row::new("agent memory, idle", idle, "MB").target(&[Target::AtMost(15.0)]),
        Row::new(name, full, "MB").target(&[Target::AtMost(40.0)]),
    ])
}

/// The maximum of all samples, with a filled cache.
async fn most(test_bed: &mut TestBed, namespaces: usize, deployments: usize) -> Result<f64> {
    let apis = test_bed.simulator(1, namespaces, deployments).await?;
    let agent = test_bed.agent(apis.first().context("no cluster")?)?;
    let pid = agent.pid();
    test_bed.clusters.push(agent);
    test_bed.online(1).await?;
    let mut most = 0.0_f64;
    for _ in 0..LOOKS {
        sleep(BETWEEN_LOOKS).await;
        most = most.max(resident(pid)?);
    }
    Ok(most)
}
