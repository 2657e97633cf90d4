//! `GET /deployments` over very many clusters, compared with a bare scatter of the same bytes over the same connections.

use std::time::Duration;

use anyhow::{Result, ensure};
use async_nats::Client;
use bus_schema::subject;
use futures::{FutureExt, StreamExt};
use serde_json::Value;
use tokio::time::sleep;

use crate::caller::{Ask, Scatter};
use crate::memory::resident;
use crate::options::Options;
use crate::round::{Contestant, Rounds};
use crate::row::{Row, Target};
use crate::test_bed::{LoadAgents, TestBed};

/// The request rate of many users.
const A_SECOND: f64 = 4.0;

/// Two heartbeats.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);

/// The traffic of one query on the bus.
#[derive(Debug, Clone, Copy)]
struct Traffic {
    question: usize,
    /// The mean size of a response.
    answer: usize,
}

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
        scatter: true,
    };
    test_bed.load_agents(load_agents).await?;
    test_bed.online(clusters).await?;
    sleep(SETTLES_WITHIN).await;
    let known = resident(test_bed.aggregator.pid())?;

    let requests = [
        Ask::get("/deployments"),
        Ask::get("/deployments?countImages=false"),
        Ask::get("/deployments?q=ledger&limit=50&countImages=false"),
    ];
    let mut traffics = Vec::new();
    for ask in &requests {
        ensure_whole(test_bed, ask, clusters).await?;
        traffics.push(traffic(test_bed, ask, clusters).await?);
    }
    let mut contestants = Vec::new();
    for (ask, traffic) in requests.into_iter().zip(&traffics) {
        let bus = test_bed.bus_client().await?;
        let scatter = Scatter::new(bus, clusters, traffic.question, traffic.answer).await?;
        contestants.push(Contestant::Http(test_bed.caller().await?, ask));
        contestants.push(Contestant::Scatter(scatter));
    }
    let rounds = Rounds::of_medians(&mut contestants, options.rounds, A_SECOND, options.length());
    let rounds = rounds.await?;
    let after = resident(test_bed.aggregator.pid())?;
    let size = format!("{clusters} × {deployments}");
    let row = |name: String, index: usize| {
        let row = Row::new(name, rounds.value(index), "ms");
        let peer = rounds.value(index + 1);
        row.against("bare scatter", peer, rounds.ratio(index, index + 1))
    };
    Ok(vec![
        Row::new(
            format!("aggregator memory, {clusters} clusters known"),
            known,
            "MB",
        )
        .target(&[Target::AtMost(50.0)]),
        row(format!("fleet query, {size}, p50"), 0)
            .target(&[Target::AtMost(60.0), Target::TimesAtMost(2.0)]),
        row(format!("fleet query without image counts, {size}, p50"), 2),
        row(format!("fleet search, {size}, p50"), 4),
        Row::new(
            format!("aggregator memory, {size} after fleet queries"),
            after,
            "MB",
        )
        .target(&[Target::AtMost(300.0)]),
    ])
}

/// A query that some clusters do not answer must not be measured.
async fn ensure_whole(test_bed: &mut TestBed, ask: &Ask, clusters: usize) -> Result<()> {
    let page: Value = serde_json::from_slice(&test_bed.caller().await?.call(ask).await?)?;
    let answered = page["answers"]["answered"].as_u64();
    ensure!(
        answered == u64::try_from(clusters).ok(),
        "{}",
        page["answers"]
    );
    Ok(())
}

/// Observes the bus during one query, which may send several requests to some clusters.
async fn traffic(test_bed: &mut TestBed, ask: &Ask, clusters: usize) -> Result<Traffic> {
    let onlooker: Client = test_bed.onlooker().await?;
    let mut questions = onlooker.subscribe(subject::FLEET_QUERY).await?;
    let mut answers = onlooker.subscribe("agent.*.answer.>").await?;
    round_trip(&onlooker).await?;
    test_bed.caller().await?.call(ask).await?;
    // All messages that were sent for the response have arrived by now.
    round_trip(&onlooker).await?;
    let mut bytes = [&mut questions, &mut answers].map(|messages| {
        let next = || messages.next().now_or_never().flatten();
        std::iter::from_fn(next)
            .map(|message| message.payload.len())
            .sum()
    });
    bytes[1] /= clusters;
    let [question, answer] = bytes;
    ensure!(question > 0 && answer > 0, "nothing was heard of the query");
    Ok(Traffic { question, answer })
}

/// There is no responder, but the round trip shows that the server has processed the earlier commands.
async fn round_trip(client: &Client) -> Result<()> {
    let responder = client.request("bench.nobody", "".into()).await;
    ensure!(responder.is_err(), "a responder answers where none should");
    Ok(())
}
