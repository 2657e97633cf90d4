//! One round: several runs at the same time, a fault after a random step of one of their targets, and the check.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::StreamExt;
use futures::stream::select_all;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use xtask::condition;

use crate::Options;
use crate::bed::Bed;
use crate::check;
use crate::fault::Fault;

/// The steps in the life of a target that are visible on the bus: its records, the lines of the audit, and the request to the agent.
const STEPS: [&str; 3] = [
    "$KV.runs.*.target.*",
    "audit.>",
    "cluster.*.aggregator.restart",
];

/// Of each target.
const STEPS_OF_A_TARGET: usize = 6;

const ENDED_WITHIN: Duration = Duration::from_secs(300);

/// If fewer steps come than expected, the fault comes after this time.
const STEPS_WITHIN: Duration = Duration::from_secs(20);

/// A replica that goes on after a fault may still send what it had begun.
const AFTERMATH: Duration = Duration::from_secs(3);

/// The choices of all rounds.
pub struct Random {
    rng: StdRng,
    faults: Vec<Fault>,
}

/// What became of a round.
pub struct Round {
    fault: Fault,
    runs: usize,
    workloads: usize,
    taken_over: usize,
    /// The seconds from the fault to the end of the runs.
    ended_after: Vec<f64>,
    wrong: Vec<String>,
}

/// All rounds so far.
#[derive(Default)]
pub struct Tally {
    pub runs: usize,
    pub wrong: usize,
    workloads: usize,
    taken_over: usize,
    faults: BTreeMap<Fault, usize>,
    ended_after: Vec<f64>,
}

impl Random {
    pub fn new(seed: u64, options: &Options) -> Self {
        let faults = match options.faults.as_slice() {
            [] => Fault::possible(options.brokers),
            some => some.to_vec(),
        };
        Self {
            rng: StdRng::seed_from_u64(seed),
            faults,
        }
    }

    fn fault(&mut self) -> Fault {
        let number = self.below(self.faults.len());
        self.faults[number]
    }

    fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end)
    }
}

/// Carries a round out.
pub async fn run(bed: &mut Bed, options: &Options, random: &mut Random) -> Result<Round> {
    bed.online().await?;
    let before = check::newest(bed).await?;
    let mut steps = Vec::new();
    for subject in STEPS {
        steps.push(bed.broker.admin().subscribe(subject).await?);
    }
    bed.broker.admin().flush().await?;
    let mut runs = Vec::new();
    for number in 0..options.at_once {
        let by = random.below(bed.replicas.len());
        runs.push(start(bed, options, number, by).await?);
    }
    let workloads = options.clusters * options.workloads;
    let after = 1 + random.below(options.at_once * workloads * STEPS_OF_A_TARGET);
    let seen = select_all(steps).take(after).count();
    let came = timeout(STEPS_WITHIN, seen).await.is_ok();
    let fault = random.fault();
    let drivers: Vec<usize> = (0..bed.replicas.len())
        .filter(|number| runs.iter().any(|run| bed.replicas[*number].has_driven(run)))
        .collect();
    let victim = drivers[random.below(drivers.len())];
    let hit_at = Timestamp::now();
    fault.inflict(bed, victim).await?;
    let survivor = if fault.hits_replica() {
        1 - victim
    } else {
        victim
    };
    let mut ended_after = Vec::new();
    for run in &runs {
        let ended = ended(bed, survivor, run).await?;
        ended_after.push(ended.duration_since(hit_at).as_secs_f64());
    }
    bed.replicas[victim].start_again().await?;
    sleep(AFTERMATH).await;
    bed.online().await?;
    let added = check::added(bed, &before).await?;
    let mut wrong = Vec::new();
    for run in &runs {
        let replica = &bed.replicas[survivor];
        let found = check::run(replica, run, &added, fault.hits_replica()).await?;
        wrong.extend(found.into_iter().map(|what| format!("run {run}: {what}")));
    }
    let both = |run: &&String| bed.replicas.iter().all(|replica| replica.has_driven(run));
    let round = Round {
        fault,
        runs: runs.len(),
        workloads: runs.len() * workloads,
        taken_over: runs.iter().filter(both).count(),
        ended_after,
        wrong,
    };
    let step = if came {
        after.to_string()
    } else {
        "the last".to_owned()
    };
    println!("after step {step}: {round}");
    Ok(round)
}

/// Starts a run over the clusters of this number; returns its id.
async fn start(bed: &Bed, options: &Options, number: usize, by: usize) -> Result<String> {
    let first = number * options.clusters;
    let clusters = &bed.clusters[first..first + options.clusters];
    let names: Vec<&str> = clusters.iter().map(|cluster| &*cluster.name).collect();
    let mut body = json!({
        "dry_run": true, "action": "restart", "reason": "soak", "targets": { "clusters": names },
        "strategy": {
            "canary": null, "max_concurrency": "50%", "max_concurrency_per_cluster": 10,
            "min_success_time": "0s", "max_failures": "100%", "offline": "wait",
        },
    });
    let replica = &bed.replicas[by];
    let preview = replica.post("/runs", &body).await?;
    body["dry_run"] = false.into();
    body["plan_hash"] = preview["plan_hash"].clone();
    let run = replica.post("/runs", &body).await?;
    let id = run["run_id"].as_str().context("no run_id")?;
    Ok(id.to_owned())
}

/// When a run ended, as soon as it has.
async fn ended(bed: &Bed, replica: usize, run: &str) -> Result<Timestamp> {
    let path = format!("/runs/{run}");
    condition::met(&format!("the run {run} ends"), ENDED_WITHIN, async || {
        sleep(Duration::from_millis(200)).await;
        let Ok(run) = bed.replicas[replica].get(&path).await else {
            return Ok(None);
        };
        let has_ended = run["state"] != "running" && run["ended_at"] != Value::Null;
        let at = run["ended_at"].as_str().filter(|_| has_ended);
        Ok(at.map(str::parse).transpose()?)
    })
    .await
}

impl Tally {
    pub fn add(&mut self, round: Round) {
        self.runs += round.runs;
        self.workloads += round.workloads;
        self.wrong += round.wrong.len();
        self.taken_over += round.taken_over;
        *self.faults.entry(round.fault).or_default() += 1;
        if round.taken_over > 0 {
            self.ended_after.extend(round.ended_after);
        }
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.ended_after.iter().copied().fold(0.0, f64::max);
        write!(
            f,
            "{:?}, {} of {} runs taken over, the last ended after {last:.1} s",
            self.fault, self.taken_over, self.runs
        )?;
        match self.wrong.as_slice() {
            [] => write!(f, ", each workload changed once"),
            wrong => write!(f, "\nWRONG: {}", wrong.join("\nWRONG: ")),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.ended_after.iter().copied().fold(0.0, f64::max);
        let faults: Vec<String> = self
            .faults
            .iter()
            .map(|(fault, count)| format!("{fault:?} {count}"))
            .collect();
        write!(
            f,
            "{} runs of {} workloads, {} taken over by another replica; rounds by fault: {}; runs ended at most {last:.1} s after it; \
             {} wrong",
            self.runs,
            self.workloads,
            self.taken_over,
            faults.join(", "),
            self.wrong
        )
    }
}
