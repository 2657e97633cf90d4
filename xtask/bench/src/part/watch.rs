//! The latency from a change in a cluster's API to a reader of `GET /watch`, in a fleet of very many clusters.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until, timeout};

use crate::caller::{Ask, Http};
use crate::load::Latencies;
use crate::options::Options;
use crate::row::{Row, Target};
use crate::test_bed::{LoadAgents, TestBed};

const A_SECOND: f64 = 50.0;

/// The label that identifies a change in its event.
const LABEL: &str = "bench-change";

/// A change without an event for this long is lost, which fails the part.
const EVENT_WITHIN: Duration = Duration::from_secs(30);

/// A deployment, and the address of its API server.
struct WatchedDeployment {
    address: SocketAddr,
    path: String,
}

pub async fn rows(options: &Options, test_bed: &mut TestBed) -> Result<Vec<Row>> {
    let clusters = options.clusters;
    let load_agents = LoadAgents {
        clusters,
        deployments: options.deployments,
        listens: true,
        scatter: false,
    };
    let apis = test_bed.load_agents(load_agents).await?;
    test_bed.online(clusters).await?;
    let addresses: HashMap<String, SocketAddr> = apis
        .into_iter()
        .map(|api| (api.cluster, api.address))
        .collect();
    let targets = targets(&mut test_bed.caller().await?, &addresses).await?;
    let events = Events::open(&mut test_bed.caller().await?).await?;
    let rounds = u32::try_from(options.rounds)?;
    let (changed, made) = unbounded_channel();
    let ((), latencies) = tokio::try_join!(
        change(&targets, options.length() * rounds, changed),
        receive(events, made),
    )?;
    let name = |part: &str| format!("change to /watch, {clusters} clusters, {part}");
    Ok(vec![
        Row::new(name("p50"), latencies.quantile(0.5), "ms"),
        Row::new(name("p99"), latencies.quantile(0.99), "ms").target(&[Target::AtMost(1000.0)]),
    ])
}

/// A page of deployments, most of them in different clusters.
async fn targets(
    caller: &mut Http,
    addresses: &HashMap<String, SocketAddr>,
) -> Result<Vec<WatchedDeployment>> {
    #[derive(Deserialize)]
    struct Page {
        items: Vec<Item>,
    }
    #[derive(Deserialize)]
    struct Item {
        cluster: String,
        namespace: String,
        deployment_name: String,
    }
    let page = caller.call(&Ask::get("/deployments?limit=500")).await?;
    let page: Page = serde_json::from_slice(&page)?;
    ensure!(!page.items.is_empty(), "there are no deployments");
    let target = |item: Item| {
        let (namespace, name) = (item.namespace, item.deployment_name);
        Some(WatchedDeployment {
            address: *addresses.get(&item.cluster)?,
            path: format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}"),
        })
    };
    let targets: Option<_> = page.items.into_iter().map(target).collect();
    targets.context("a cluster that was not started")
}

/// Changes one deployment after the other at a fixed rate, and reports when each change was due.
async fn change(
    targets: &[WatchedDeployment],
    length: Duration,
    changed: UnboundedSender<(u64, Instant)>,
) -> Result<()> {
    let (begin, every) = (Instant::now(), Duration::from_secs_f64(1.0 / A_SECOND));
    let mut due = begin;
    for (number, target) in (0..).zip(targets.iter().cycle()) {
        if due >= begin + length {
            break;
        }
        sleep_until(due).await;
        changed.send((number, due))?;
        let body = json!({ "metadata": { "labels": { LABEL: number.to_string() } } });
        let ask = Ask {
            method: Method::PATCH,
            path: target.path.clone(),
            content_type: "application/merge-patch+json",
            body: body.to_string().into(),
        };
        Http::connect(target.address, None)
            .await?
            .call(&ask)
            .await?;
        due += every;
    }
    Ok(())
}

/// Until all changes have been received.
async fn receive(
    mut events: Events,
    mut made: UnboundedReceiver<(u64, Instant)>,
) -> Result<Latencies> {
    let (mut latencies, mut waiting) = (Latencies::default(), HashMap::new());
    let mut is_open = true;
    while is_open || !waiting.is_empty() {
        tokio::select! {
            // Changes first: the event may already have arrived.
            biased;
            change = made.recv(), if is_open => match change {
                Some((number, due)) => drop(waiting.insert(number, due)),
                None => is_open = false,
            },
            number = timeout(EVENT_WITHIN, events.next_change()) => {
                let number = number.with_context(|| format!("{} changes have no event", waiting.len()))??;
                let due = waiting.remove(&number);
                // Received again if something else about the deployment has changed too.
                due.into_iter().for_each(|due| latencies.add(due.elapsed()));
            }
        }
    }
    ensure!(latencies.count() > 0, "nothing was changed");
    Ok(latencies)
}

/// The events of `GET /watch`.
struct Events {
    body: Incoming,
    bytes: Vec<u8>,
}

impl Events {
    /// Opens the stream and waits for its first event.
    async fn open(caller: &mut Http) -> Result<Self> {
        let response = caller.open(&Ask::get("/watch")).await?;
        ensure!(response.status() == 200, "/watch: {}", response.status());
        let mut events = Self {
            body: response.into_body(),
            bytes: Vec::new(),
        };
        let (kind, _) = timeout(EVENT_WITHIN, events.next()).await??;
        ensure!(kind == "reset", "the first event is {kind}");
        Ok(events)
    }

    /// The number of the next change of ours.
    async fn next_change(&mut self) -> Result<u64> {
        loop {
            let (kind, data) = self.next().await?;
            match kind.as_str() {
                "workload" => {
                    let data: Value = serde_json::from_str(&data)?;
                    if let Some(number) = data["workload"]["labels"][LABEL].as_str() {
                        return Ok(number.parse()?);
                    }
                }
                "gap" | "reset" | "problem" => bail!("{kind}: {data}"),
                _ => {}
            }
        }
    }

    /// Kind and data of the next event.
    async fn next(&mut self) -> Result<(String, String)> {
        loop {
            while let Some(end) = self.bytes.windows(2).position(|two| two == b"\n\n") {
                let event = String::from_utf8(self.bytes.drain(..end + 2).collect())?;
                let field = |name: &str| {
                    let value = event.lines().find_map(|line| line.strip_prefix(name));
                    value.map(|value| value.trim_start().to_owned())
                };
                // A frame without an event type only keeps the connection alive.
                if let Some(event) = field("event:").zip(field("data:")) {
                    return Ok(event);
                }
            }
            let frame = self.body.frame().await.context("the stream has ended")??;
            if let Ok(data) = frame.into_data() {
                self.bytes.extend_from_slice(&data);
            }
        }
    }
}
