//! `GET /deployments` over very many clusters that are all offline: their last known deployments are read from the inventory.

use std::time::Duration;

use anyhow::{Result, ensure};
use async_nats::jetstream;
use serde_json::Value;
use tokio::time::sleep;
use xtask::condition;
use xtask::process::Signal;

use crate::caller::{Ask, Http};
use crate::memory::resident;
use crate::options::Options;
use crate::round::{Contestant, Rounds};
use crate::row::{Row, Target};
use crate::test_bed::{LoadAgents, TestBed};

/// The request rate of many users.
const A_SECOND: f64 = 4.0;

/// Each cluster is read once after it has joined, and all of it is written to disk.
const PERSISTED_WITHIN: Duration = Duration::from_secs(180);
const OFFLINE_WITHIN: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// A list is current once its manifest has been written.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);

pub async fn rows(options: &Options, test_bed: &mut TestBed) -> Result<Vec<Row>> {
    let Options {
        clusters,
        deployments,
        ..
    } = *options;
    let load_agents = LoadAgents {
        clusters,
        deployments,
        listens: false,
        scatter: false,
    };
    test_bed.load_agents(load_agents).await?;
    test_bed.online(clusters).await?;
    persisted(test_bed, clusters).await?;
    for process in &mut test_bed.clusters {
        process.signal(Signal::KILL)?;
    }
    test_bed.clusters.clear();
    let page = Ask::get("/deployments");
    all_away(&mut test_bed.caller().await?, &page, clusters, deployments).await?;
    let search = Ask::get("/deployments?q=ledger&limit=50");
    let mut contestants = [
        Contestant::Http(test_bed.caller().await?, page),
        Contestant::Http(test_bed.caller().await?, search),
    ];
    let rounds = Rounds::of_medians(&mut contestants, options.rounds, A_SECOND, options.length());
    let rounds = rounds.await?;
    let after = resident(test_bed.aggregator.pid())?;
    let size = format!("{clusters} × {deployments}, all away");
    Ok(vec![
        Row::new(format!("fleet query, {size}, p50"), rounds.value(0), "ms"),
        Row::new(format!("fleet search, {size}, p50"), rounds.value(1), "ms"),
        Row::new(format!("aggregator memory, {size}"), after, "MB")
            .target(&[Target::AtMost(300.0)]),
    ])
}

/// Waits until the lists of this many clusters are in the bucket.
async fn persisted(test_bed: &TestBed, clusters: usize) -> Result<()> {
    let bucket = jetstream::new(test_bed.onlooker().await?);
    let bucket = bucket.get_stream("KV_inventory").await?;
    condition::met("all lists are persisted", PERSISTED_WITHIN, async || {
        sleep(BETWEEN_LOOKS).await;
        // A manifest, and at least one part of its list.
        let entries = bucket.get_info().await?.state.messages;
        Ok((entries >= 2 * u64::try_from(clusters)?).then_some(()))
    })
    .await?;
    sleep(SETTLES_WITHIN).await;
    Ok(())
}

/// Waits until all clusters are offline, and checks that all of their last known deployments are counted.
async fn all_away(
    caller: &mut Http,
    page: &Ask,
    clusters: usize,
    deployments: usize,
) -> Result<()> {
    let offline = condition::met("all clusters are offline", OFFLINE_WITHIN, async || {
        sleep(BETWEEN_LOOKS).await;
        let page: Value = serde_json::from_slice(&caller.call(page).await?)?;
        let offline = page["answers"]["offline"].as_u64();
        Ok((offline == Some(u64::try_from(clusters)?)).then_some(page))
    });
    let known = offline.await?["totals"]["workloads"].clone();
    ensure!(
        known.as_u64() == Some(u64::try_from(clusters * deployments)?),
        "{known} deployments are known of {clusters} clusters"
    );
    Ok(())
}
