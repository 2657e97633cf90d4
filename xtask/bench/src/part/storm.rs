//! The nats-server is killed and restarted with very many connected agents: how long until all are back, the latency of reads in the
//! meantime, and whether a cluster is shown as offline although its agent is connected.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::caller::{Ask, Http};
use crate::load::{Latencies, at_rate};
use crate::options::Options;
use crate::row::{Row, Target};
use crate::test_bed::{LoadAgents, TestBed};

const READS_A_SECOND: f64 = 20.0;
const READS_AT_A_TIME: Duration = Duration::from_millis(500);

/// Two heartbeats.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);

const BACK_WITHIN: Duration = Duration::from_secs(180);
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// An agent that has been connected for this long must be shown as online.
const HEARD_WITHIN: Duration = Duration::from_secs(2);

pub async fn rows(options: &Options, test_bed: &mut TestBed) -> Result<Vec<Row>> {
    let clusters = options.connections;
    let load_agents = LoadAgents {
        clusters,
        deployments: 1,
        listens: false,
        scatter: false,
    };
    test_bed.load_agents(load_agents).await?;
    test_bed.online(clusters).await?;
    sleep(SETTLES_WITHIN).await;
    let names = ClusterList::read(&mut test_bed.caller().await?)
        .await?
        .names;
    let others = connections(test_bed).await?.saturating_sub(clusters);
    let (reader, looker) = (test_bed.caller().await?, test_bed.caller().await?);

    let begun = Instant::now();
    test_bed.bus.kill().await?;
    test_bed.bus.restart().await?;
    let (back, stop) = tokio::sync::watch::channel(false);
    let (watched, reads) = tokio::join!(
        async {
            let watched = recovery(test_bed, looker, clusters, others, begun).await;
            // The reader may have ended by itself, with an error that is reported below.
            back.send(true).ok();
            watched
        },
        reads(reader, &names, stop),
    );
    let (watched, reads) = (watched?, reads?);
    let name = |what: &str| format!("{clusters} agents, bus restarted: {what}");
    let falsely = f64::from(u32::try_from(watched.falsely_offline)?);
    let most = f64::from(u32::try_from(watched.offline)?);
    Ok(vec![
        Row::new(name("all back"), watched.back.as_secs_f64(), "s").target(&[Target::AtMost(60.0)]),
        Row::new(name("reads meanwhile, p99"), reads.quantile(0.99), "ms")
            .target(&[Target::AtMost(1000.0)]),
        Row::new(name("clusters falsely shown offline"), falsely, "clusters")
            .target(&[Target::AtMost(0.0)]),
        Row::new(name("clusters shown offline at once"), most, "clusters"),
    ])
}

/// The observations until all clusters were back.
struct Recovery {
    back: Duration,
    /// The maximum in one observation.
    offline: usize,
    /// The maximum in one observation among connected clusters.
    falsely_offline: usize,
}

async fn recovery(
    test_bed: &TestBed,
    mut looker: Http,
    clusters: usize,
    others: usize,
    begun: Instant,
) -> Result<Recovery> {
    let mut connected: VecDeque<(Instant, usize)> = VecDeque::new();
    let mut seen = Recovery {
        back: Duration::ZERO,
        offline: 0,
        falsely_offline: 0,
    };
    loop {
        connected.push_back((Instant::now(), connections(test_bed).await?));
        let shown = ClusterList::read(&mut looker).await?;
        while connected.len() > 1 && connected[1].0.elapsed() >= HEARD_WITHIN {
            connected.pop_front();
        }
        let there = match connected.front() {
            Some((at, count)) if at.elapsed() >= HEARD_WITHIN => count.saturating_sub(others),
            _ => 0,
        };
        let not_offline = clusters - shown.offline;
        seen.offline = seen.offline.max(shown.offline);
        seen.falsely_offline = seen.falsely_offline.max(there.saturating_sub(not_offline));
        // None is stale, and each has a new connection: the old ones ended with the server.
        if shown.online == clusters && connections(test_bed).await? >= clusters + others {
            seen.back = begun.elapsed();
            return Ok(seen);
        }
        ensure!(
            begun.elapsed() < BACK_WITHIN,
            "{} of {clusters} clusters are back after {} s",
            shown.online,
            BACK_WITHIN.as_secs()
        );
        sleep(BETWEEN_LOOKS).await;
    }
}

/// Reads one cluster after the other until all are back. Every response counts: for a cluster that is not back yet it says that the
/// cluster is offline.
async fn reads(
    mut reader: Http,
    names: &[String],
    back: tokio::sync::watch::Receiver<bool>,
) -> Result<Latencies> {
    let mut all = Latencies::default();
    while !*back.borrow() {
        let some = at_rate(READS_A_SECOND, READS_AT_A_TIME, async || {
            let name = &names[rand::random_range(0..names.len())];
            let ask = Ask::get(format!("/deployments/{name}/default"));
            reader.answer(&ask).await.map(drop)
        });
        all.merge(&some.await?);
    }
    Ok(all)
}

/// What `GET /clusters` shows.
struct ClusterList {
    names: Vec<String>,
    online: usize,
    offline: usize,
}

impl ClusterList {
    async fn read(http: &mut Http) -> Result<Self> {
        #[derive(Deserialize)]
        struct List {
            items: Vec<Cluster>,
        }
        #[derive(Deserialize)]
        struct Cluster {
            cluster: String,
            presence: String,
        }
        let list: List = serde_json::from_slice(&http.call(&Ask::get("/clusters")).await?)?;
        let count = |presence| list.items.iter().filter(|c| c.presence == presence).count();
        Ok(Self {
            online: count("online"),
            offline: count("offline"),
            names: list.items.into_iter().map(|c| c.cluster).collect(),
        })
    }
}

/// The nats-server's number of connections, of all clients.
async fn connections(test_bed: &TestBed) -> Result<usize> {
    #[derive(Deserialize)]
    struct Server {
        connections: usize,
    }
    let url = test_bed.bus.monitoring_url().context("no monitoring")?;
    let address = url.trim_start_matches("http://").parse()?;
    let mut http = Http::connect(address, None).await?;
    let server: Server = serde_json::from_slice(&http.call(&Ask::get("/varz")).await?)?;
    Ok(server.connections)
}
