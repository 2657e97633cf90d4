//! The same list for 16 concurrent callers, each of which sends the next request as soon as it has a response; and the design that this
//! system replaces, over the same API server.

use anyhow::{Context, Result};
use futures::future::try_join_all;

use super::list::{DEPLOYMENTS, NAMESPACE, ask, one_cluster};
use crate::caller::{Ask, Http};
use crate::load::{Latencies, without_pause};
use crate::options::Options;
use crate::round::Rounds;
use crate::row::{Row, Target};
use crate::seed::Seed;
use crate::test_bed::{Api, TestBed};

const CALLERS: usize = 16;

const SEED: &str = "FastAPI with an HTTP agent";

/// The results of 16 callers in one measurement.
struct Seen {
    a_second: f64,
    p99: f64,
}

/// 16 connections, and the request sent on them.
struct Callers(Vec<(Http, Ask)>);

pub async fn rows(options: &Options, test_bed: &mut TestBed) -> Result<Vec<Row>> {
    let api = one_cluster(test_bed).await?;
    let mut ours = Callers::new(async || Ok((test_bed.caller().await?, ask(&api)))).await?;
    let seed = Seed::start(test_bed, &api).await?;
    let mut theirs = match &seed {
        Some(seed) => Some(callers_of(seed, &api).await?),
        None => None,
    };
    let (mut rates, mut tails) = (Vec::new(), Vec::new());
    // The first round is the warm-up.
    for round in 0..=options.rounds {
        let mut seen = vec![ours.measure(options).await?];
        if let Some(theirs) = &mut theirs {
            seen.push(theirs.measure(options).await?);
        }
        if round > 0 {
            rates.push(seen.iter().map(|seen| seen.a_second).collect());
            tails.push(seen.iter().map(|seen| seen.p99).collect());
        }
    }
    let row = |name, unit, rounds: Rounds| {
        let row = Row::new(name, rounds.value(0), unit);
        match theirs {
            Some(_) => row.against(SEED, rounds.value(1), rounds.ratio(0, 1)),
            None => row,
        }
    };
    Ok(vec![
        row("list of 50, 16 callers", "1/s", Rounds::from(rates))
            .target(&[Target::TimesAtLeast(25.0)]),
        row("list of 50, 16 callers, p99", "ms", Rounds::from(tails))
            .target(&[Target::TimesAtMost(0.1)]),
    ])
}

/// Checks first that both return the same list.
async fn callers_of(seed: &Seed, api: &Api) -> Result<Callers> {
    let ask = Ask::get(format!("/deployments/{}/{NAMESPACE}", api.cluster));
    let mut first = Http::connect(seed.address, None).await?;
    let body: serde_json::Value = serde_json::from_slice(&first.call(&ask).await?)?;
    let items = body["items"].as_array().context("the peer has no items")?;
    anyhow::ensure!(items.len() == DEPLOYMENTS, "the peer has {}", items.len());
    Callers::new(async || Ok((Http::connect(seed.address, None).await?, ask.clone()))).await
}

impl Callers {
    async fn new(caller: impl AsyncFn() -> Result<(Http, Ask)>) -> Result<Self> {
        let mut callers = Vec::new();
        for _ in 0..CALLERS {
            callers.push(caller().await?);
        }
        Ok(Self(callers))
    }

    #[expect(clippy::cast_precision_loss, reason = "there are not that many calls")]
    async fn measure(&mut self, options: &Options) -> Result<Seen> {
        let length = options.length();
        let all = self
            .0
            .iter_mut()
            .map(|(http, ask)| without_pause(length, async || http.call(ask).await.map(drop)));
        let mut latencies = Latencies::default();
        for one in try_join_all(all).await? {
            latencies.merge(&one);
        }
        Ok(Seen {
            a_second: latencies.count() as f64 / length.as_secs_f64(),
            p99: latencies.quantile(0.99),
        })
    }
}
