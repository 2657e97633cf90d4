//! A run over many clusters until its last rollout is complete, compared with a script that restarts the same workloads in the same waves
//! at the API servers themselves; what it costs; and how soon another replica goes on after the one that carries it out was killed.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_nats::{Subscriber, jetstream};
use futures::stream::{self, StreamExt, TryStreamExt};
use hyper::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use xtask::condition;

use crate::caller::{Ask, Http};
use crate::memory::resident;
use crate::options::Options;
use crate::row::{Row, Target};
use crate::test_bed::{LoadAgents, TestBed};

/// The requests of an aggregator to agents.
const REQUESTS: &str = "cluster.*.aggregator.restart";

const CLUSTERS: usize = 100;
const WAVES: usize = 10;
const ENDED_WITHIN: Duration = Duration::from_secs(900);
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// The lease of a run, and the time until its holder's silence is noticed.
const TAKEN_OVER_WITHIN: f64 = 16.0;

/// A workload, and the address of its API server.
struct Workload {
    address: SocketAddr,
    path: String,
}

pub async fn rows(options: &Options, test_bed: &mut TestBed) -> Result<Vec<Row>> {
    let each = options.targets.div_ceil(CLUSTERS);
    let apis = test_bed.load_agents(LoadAgents {
        clusters: CLUSTERS,
        deployments: each,
        listens: true,
        scatter: false,
    });
    let addresses: HashMap<String, SocketAddr> = apis
        .await?
        .into_iter()
        .map(|api| (api.cluster, api.address))
        .collect();
    test_bed.online(CLUSTERS).await?;
    let mut ours = test_bed.caller().await?;
    let name = format!("run of {} targets in {CLUSTERS} clusters", CLUSTERS * each);

    let (audit, cpu) = (
        audit_bytes(test_bed).await?,
        cpu(test_bed.aggregator.pid())?,
    );
    let run = started(&mut ours, "10%", each).await?;
    let took = ended(&mut ours, &run).await?;
    let cpu = self::cpu(test_bed.aggregator.pid())? - cpu;
    let targets = targets(&mut ours, &run).await?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (count, audit) = (
        targets.len() as f64,
        (audit_bytes(test_bed).await? - audit) as f64,
    );
    let by_hand = by_hand(&targets, &addresses).await?;

    // All of them in one wave.
    let requests = test_bed.onlooker().await?;
    let mut seen = requests.subscribe(REQUESTS).await?;
    requests.flush().await?;
    let run = started(&mut ours, "100%", each).await?;
    let rate = rate(&mut seen, targets.len()).await?;
    ended(&mut ours, &run).await?;
    let memory = resident(test_bed.aggregator.pid())?;

    let takeover = takeover(test_bed, each).await?;
    Ok(vec![
        Row::new(format!("{name}, 10 %, until done"), took, "s").against(
            "the same waves at the API servers",
            by_hand,
            took / by_hand,
        ),
        Row::new(format!("{name}, 100 %, begun"), rate, "1/s"),
        Row::new(
            format!("{name}, CPU time of the aggregator, each"),
            cpu * 1e3 / count,
            "ms",
        ),
        Row::new(format!("{name}, audit, each"), audit / count, "bytes"),
        Row::new(format!("{name}, memory of the aggregator"), memory, "MB"),
        Row::new(
            "run, SIGKILL of its replica until the next target begins",
            takeover,
            "s",
        )
        .target(&[Target::AtMost(TAKEN_OVER_WITHIN)]),
    ])
}

/// Starts a restart of everything; returns the run's path.
async fn started(caller: &mut Http, concurrency: &str, each: usize) -> Result<String> {
    let strategy = json!({
        "canary": null, "max_concurrency": concurrency, "max_concurrency_per_cluster": each,
        "min_success_time": "0s",
    });
    let body =
        json!({ "action": "restart", "targets": { "clusters": ["*"] }, "strategy": strategy });
    let mut post = async |changed: Value| -> Result<Value> {
        let mut body = body.clone();
        let fields = changed.as_object().cloned().unwrap_or_default();
        body.as_object_mut().context("no object")?.extend(fields);
        let ask = Ask {
            method: Method::POST,
            path: "/runs".to_owned(),
            content_type: "application/json",
            body: body.to_string().into(),
        };
        json_of(&caller.call(&ask).await?)
    };
    let plan = post(json!({ "dry_run": true })).await?;
    let run = post(json!({ "plan_hash": plan["plan_hash"] })).await?;
    Ok(format!(
        "/runs/{}",
        run["run_id"].as_str().context("no run_id")?
    ))
}

/// The seconds from its first target to its end.
async fn ended(caller: &mut Http, run: &str) -> Result<f64> {
    let deadline = Instant::now() + ENDED_WITHIN;
    loop {
        let view = json_of(&caller.call(&Ask::get(run)).await?)?;
        if let Some(end) = time(&view["ended_at"]) {
            ensure!(
                view["state"] == "succeeded",
                "the run has {}: {view}",
                view["state"]
            );
            let start = time(&view["created_at"]).context("no created_at")?;
            return Ok(end.duration_since(start).as_secs_f64());
        }
        ensure!(Instant::now() < deadline, "the run does not end: {view}");
        sleep(BETWEEN_LOOKS).await;
    }
}

async fn targets(caller: &mut Http, run: &str) -> Result<Vec<Value>> {
    let (mut all, mut path) = (Vec::new(), format!("{run}/targets?limit=1000"));
    loop {
        let page = json_of(&caller.call(&Ask::get(path)).await?)?;
        all.extend(
            page["items"]
                .as_array()
                .context("no items")?
                .iter()
                .cloned(),
        );
        match page["continue"].as_u64() {
            Some(next) => path = format!("{run}/targets?limit=1000&continue={next}"),
            None => return Ok(all),
        }
    }
}

/// Requests to agents per second, from the first to the last of so many.
async fn rate(requests: &mut Subscriber, count: usize) -> Result<f64> {
    let next = async |requests: &mut Subscriber| requests.next().await.context("the bus has gone");
    next(requests).await?;
    let first = Instant::now();
    for _ in 1..count {
        next(requests).await?;
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    Ok((count - 1) as f64 / first.elapsed().as_secs_f64())
}

/// The seconds that a script needs for the same waves: it patches all workloads of a wave at once, and reads each until it is rolled out.
async fn by_hand(targets: &[Value], addresses: &HashMap<String, SocketAddr>) -> Result<f64> {
    let workloads: Option<Vec<Workload>> = targets
        .iter()
        .map(|target| workload(target, addresses))
        .collect();
    let workloads = workloads.context("a target without an API server")?;
    let began = Instant::now();
    for wave in workloads.chunks(workloads.len().div_ceil(WAVES)) {
        let restarts = stream::iter(wave).map(Workload::restart);
        restarts
            .buffer_unordered(wave.len())
            .try_collect::<Vec<()>>()
            .await?;
    }
    Ok(began.elapsed().as_secs_f64())
}

fn workload(target: &Value, addresses: &HashMap<String, SocketAddr>) -> Option<Workload> {
    let of = |field: &str| target[field].as_str();
    let name = of("name").or_else(|| of("deployment_name"))?;
    Some(Workload {
        address: *addresses.get(of("cluster")?)?,
        path: format!(
            "/apis/apps/v1/namespaces/{}/deployments/{name}",
            of("namespace")?
        ),
    })
}

impl Workload {
    async fn restart(&self) -> Result<()> {
        let mut api = Http::connect(self.address, None).await?;
        let annotation =
            json!({ "kubectl.kubernetes.io/restartedAt": Timestamp::now().to_string() });
        let body = json!({ "spec": { "template": { "metadata": { "annotations": annotation } } } });
        api.call(&Ask {
            method: Method::PATCH,
            path: self.path.clone(),
            content_type: "application/strategic-merge-patch+json",
            body: body.to_string().into(),
        })
        .await?;
        let read = Ask::get(self.path.clone());
        condition::met("a rollout is complete", ENDED_WITHIN, async || {
            let deployment = json_of(&api.call(&read).await?)?;
            if is_rolled_out(&deployment) {
                return Ok(Some(()));
            }
            sleep(BETWEEN_LOOKS).await;
            Ok(None)
        })
        .await
    }
}

fn is_rolled_out(deployment: &Value) -> bool {
    let (status, wanted) = (
        &deployment["status"],
        deployment["spec"]["replicas"].as_u64(),
    );
    let counts = ["replicas", "updatedReplicas", "availableReplicas"];
    status["observedGeneration"] == deployment["metadata"]["generation"]
        && counts.iter().all(|count| status[count].as_u64() == wanted)
}

/// Kills the replica that carries a run out; the seconds until the other one begins a target.
async fn takeover(test_bed: &mut TestBed, each: usize) -> Result<f64> {
    let mut first = test_bed.caller().await?;
    let run = started(&mut first, "2%", each).await?;
    // Once the first one has its lease.
    condition::met("the run goes on", ENDED_WITHIN, async || {
        let view = json_of(&first.call(&Ask::get(run.clone())).await?)?;
        Ok((view["counts"]["succeeded"].as_u64() > Some(0)).then_some(()))
    })
    .await?;
    let other = test_bed.another_aggregator().await?;
    let mut second = Http::connect(other.http, Some(other.session.token())).await?;
    let killed_at = Timestamp::now();
    test_bed.aggregator.kill().await?;
    let begun = condition::met("another target begins", ENDED_WITHIN, async || {
        let targets = targets(&mut second, &run).await?;
        let begun = targets
            .iter()
            .filter_map(|target| time(&target["started_at"]));
        let next = begun.filter(|begun| *begun > killed_at).min();
        if next.is_none() {
            sleep(BETWEEN_LOOKS).await;
        }
        Ok(next)
    });
    Ok(begun.await?.duration_since(killed_at).as_secs_f64())
}

/// The size of the audit on disk.
async fn audit_bytes(test_bed: &TestBed) -> Result<u64> {
    let bus = jetstream::new(test_bed.onlooker().await?);
    Ok(bus.get_stream("AUDIT").await?.get_info().await?.state.bytes)
}

/// The CPU time of a process so far, in seconds.
fn cpu(pid: u32) -> Result<f64> {
    /// Clock ticks per second on Linux.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || -> Result<f64> { Ok(fields.next().context("a short stat")?.parse()?) };
    Ok((ticks()? + ticks()?) / TICKS)
}

fn json_of(body: &[u8]) -> Result<Value> {
    Ok(serde_json::from_slice(body)?)
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_is_complete_when_all_counts_are_those_of_the_newest_generation() {
        let deployment = |seen: u64, available: u64| {
            json!({
                "metadata": { "generation": 2 }, "spec": { "replicas": 3 },
                "status": { "observedGeneration": seen, "replicas": 3, "updatedReplicas": 3, "availableReplicas": available },
            })
        };
        assert!(is_rolled_out(&deployment(2, 3)));
        assert!(!is_rolled_out(&deployment(1, 3)));
        assert!(!is_rolled_out(&deployment(2, 2)));
    }

    #[test]
    fn this_process_has_used_some_time() {
        assert!(cpu(std::process::id()).unwrap() >= 0.0);
    }
}
