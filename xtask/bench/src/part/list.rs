//! `GET /deployments/{cluster}/{namespace}` with 50 deployments, for one caller at a time.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use xtask::condition;
use xtask::process::Process;

use crate::caller::{Ask, Bare, Http};
use crate::options::Options;
use crate::round::{Contestant, Rounds};
use crate::row::{Row, Target};
use crate::test_bed::{Api, TestBed, free_address};

pub const DEPLOYMENTS: usize = 50;
pub const NAMESPACE: &str = "default";

/// Enough for a stable median of a round, and few enough for every contestant to idle between two calls.
const A_SECOND: f64 = 250.0;

/// The subject of the bare responder, which has an agent's permissions.
const BARE: &str = "cluster.bare.bench";

const READY_WITHIN: Duration = Duration::from_secs(20);

pub async fn rows(options: &Options, test_bed: &mut TestBed) -> Result<Vec<Row>> {
    let api = one_cluster(test_bed).await?;
    let body = test_bed.caller().await?.call(&ask(&api)).await?;
    let http = free_address()?;
    let _peer = peer(test_bed, http, &body).await?;
    let bare = Bare {
        // An agent may publish replies only to the inboxes of people.
        client: test_bed.onlooker().await?,
        subject: BARE.to_owned(),
        payload: format!(r#"{{"namespace":"{NAMESPACE}"}}"#).into(),
        length: body.len(),
    };
    let from_kubernetes = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments");
    let mut contestants = [
        Contestant::Http(test_bed.caller().await?, ask(&api)),
        Contestant::Bare(bare),
        Contestant::Http(Http::connect(http, None).await?, Ask::get("/")),
        Contestant::Http(
            Http::connect(api.address, None).await?,
            Ask::get(from_kubernetes),
        ),
    ];
    let rounds =
        Rounds::of_medians(&mut contestants, options.rounds, A_SECOND, options.length()).await?;
    let row = |name: &str, peer: &'static str, index: usize| {
        let row = Row::new(name, rounds.value(0), "ms");
        row.against(peer, rounds.value(index), rounds.ratio(0, index))
    };
    Ok(vec![
        row("list of 50, p50", "bare NATS request", 1).target(&[Target::TimesAtMost(1.6)]),
        row("list of 50, p50, next to HTTP", "axum, static body", 2),
        row(
            "list of 50, p50, next to Kubernetes",
            "simulated API server",
            3,
        ),
    ])
}

/// The request to the aggregator.
pub fn ask(api: &Api) -> Ask {
    Ask::get(format!("/deployments/{}/{NAMESPACE}", api.cluster))
}

/// One cluster with one namespace, with its agent as a separate process.
pub async fn one_cluster(test_bed: &mut TestBed) -> Result<Api> {
    let apis = test_bed.simulator(1, 1, DEPLOYMENTS).await?;
    let api = apis.into_iter().next().context("no cluster")?;
    let agent = test_bed.agent(&api)?;
    test_bed.clusters.push(agent);
    test_bed.online(1).await?;
    Ok(api)
}

/// A responder on the bus and an HTTP server, both of which return this body.
async fn peer(test_bed: &TestBed, http: SocketAddr, body: &[u8]) -> Result<Process> {
    let file = test_bed.file("body");
    fs::write(&file, body)?;
    let creds = test_bed.bus.keys().agent_creds("bare")?;
    let mut peer = test_bed.start_own(
        "bench-peer",
        &[
            ("--body", file.to_string_lossy().into_owned()),
            ("--nats-url", test_bed.bus.url()),
            ("--nats-creds", creds.to_string_lossy().into_owned()),
            ("--subject", BARE.to_owned()),
            ("--http", http.to_string()),
        ],
    )?;
    // It listens for HTTP only after it has subscribed.
    condition::met("the peer", READY_WITHIN, async || {
        peer.ensure_running()?;
        Ok(Http::connect(http, None).await.ok().map(drop))
    })
    .await?;
    Ok(peer)
}
