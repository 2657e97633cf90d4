//! How soon `GET /clusters` shows that an agent has connected, and that one was killed.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use xtask::process::Signal;

use crate::caller::{Ask, Http};
use crate::load::Latencies;
use crate::options::Options;
use crate::row::{Row, Target};
use crate::test_bed::{Api, TestBed};

/// The number of clusters that connect and disconnect in each run.
const CLUSTERS: usize = 20;

const SEEN_WITHIN: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

pub async fn rows(options: &Options, test_bed: &mut TestBed) -> Result<Vec<Row>> {
    let clusters = CLUSTERS.min(options.clusters);
    let apis = test_bed.simulator(clusters, 1, 10).await?;
    let mut caller = test_bed.caller().await?;
    let (mut joins, mut losses) = (Latencies::default(), Latencies::default());
    for api in &apis {
        joins.add(join(test_bed, &mut caller, api).await?);
        let agent = test_bed.clusters.last_mut().context("no agent")?;
        let killed = Instant::now();
        agent.signal(Signal::KILL)?;
        shown(&mut caller, api, "offline").await?;
        losses.add(killed.elapsed());
        test_bed.clusters.pop();
    }
    Ok(vec![
        Row::new(
            "new cluster shown online, slowest",
            joins.quantile(1.0),
            "ms",
        )
        .target(&[Target::AtMost(100.0)]),
        Row::new(
            "killed agent shown offline, slowest",
            losses.quantile(1.0),
            "ms",
        )
        .target(&[Target::AtMost(1000.0)]),
    ])
}

/// The time from the start of the agent's connection, as recorded by the nats-server, until the cluster is shown.
async fn join(test_bed: &mut TestBed, caller: &mut Http, api: &Api) -> Result<Duration> {
    let agent = test_bed.agent(api)?;
    test_bed.clusters.push(agent);
    let seen = shown(caller, api, "online").await?;
    let connected = SystemTime::from(connected_at(test_bed, &api.cluster).await?);
    // Both use the same clock, but the server may record the connection shortly after the aggregator received the heartbeat.
    Ok(seen.duration_since(connected).unwrap_or_default())
}

async fn shown(caller: &mut Http, api: &Api, presence: &str) -> Result<SystemTime> {
    let begun = Instant::now();
    while begun.elapsed() < SEEN_WITHIN {
        let list: Value = serde_json::from_slice(&caller.call(&Ask::get("/clusters")).await?)?;
        let items = list["items"].as_array().context("no items")?;
        let is_it = |item: &&Value| item["cluster"] == *api.cluster;
        let found = items.iter().find(is_it);
        if found.is_some_and(|item| item["presence"] == presence) {
            return Ok(SystemTime::now());
        }
        sleep(BETWEEN_LOOKS).await;
    }
    bail!("{} is not shown as {presence}", api.cluster)
}

/// According to the nats-server's list of connections.
async fn connected_at(test_bed: &TestBed, cluster: &str) -> Result<Timestamp> {
    #[derive(Deserialize)]
    struct Connections {
        connections: Vec<Connection>,
    }
    #[derive(Deserialize)]
    struct Connection {
        #[serde(default)]
        name: String,
        start: Timestamp,
    }
    let url = test_bed.bus.monitoring_url().context("no monitoring")?;
    let address = url.trim_start_matches("http://").parse()?;
    let mut http = Http::connect(address, None).await?;
    let answer = http.call(&Ask::get("/connz?limit=4096")).await?;
    let list: Connections = serde_json::from_slice(&answer)?;
    let name = format!("agent {cluster} requests ");
    let found = list.connections.iter().find(|c| c.name.starts_with(&name));
    Ok(found
        .with_context(|| format!("no connection of {cluster}"))?
        .start)
}
