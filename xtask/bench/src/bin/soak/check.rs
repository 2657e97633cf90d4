//! What must hold after each round: no workload was changed twice, and the run and the audit say what was changed.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::bed::Bed;
use crate::replica::Replica;

/// The newest revision of each workload: by cluster, namespace and name.
pub type Revisions = BTreeMap<String, u64>;

/// The newest revision of each workload now.
pub async fn newest(bed: &Bed) -> Result<Revisions> {
    let mut newest = Revisions::new();
    for cluster in &bed.clusters {
        for (workload, revisions) in cluster.revisions().await? {
            let last = revisions.into_iter().max().unwrap_or_default();
            newest.insert(format!("{}/{workload}", cluster.name), last);
        }
    }
    Ok(newest)
}

/// How many revisions each workload has that are newer than before.
pub async fn added(bed: &Bed, before: &Revisions) -> Result<BTreeMap<String, usize>> {
    let mut added = BTreeMap::new();
    for cluster in &bed.clusters {
        for (workload, revisions) in cluster.revisions().await? {
            let workload = format!("{}/{workload}", cluster.name);
            let last = before.get(&workload).copied().unwrap_or_default();
            let newer = revisions.iter().filter(|it| **it > last).count();
            added.insert(workload, newer);
        }
    }
    Ok(added)
}

/// What is wrong with a run that has ended. If `all_succeed`, each of its targets must have been changed.
pub async fn run(
    replica: &Replica,
    id: &str,
    added: &BTreeMap<String, usize>,
    all_succeed: bool,
) -> Result<Vec<String>> {
    let run = replica.get(&format!("/runs/{id}")).await?;
    let targets = replica
        .get(&format!("/runs/{id}/targets?limit=1000"))
        .await?;
    let audit = format!("/audit?run={id}&verb=restart&limit=500");
    let audit = replica.get(&audit).await?;
    let targets = targets["items"].as_array().context("no targets")?;
    let lines = audit["items"].as_array().context("no audit")?;
    let mut wrong = Vec::new();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for target in targets {
        let state = target["state"].as_str().context("no state")?;
        *counts.entry(state).or_default() += 1;
        let workload = name(target).context("no name")?;
        let times = added.get(&workload).copied().unwrap_or_default();
        let is_right = match state {
            "succeeded" => times == 1,
            _ => times <= 1 && !all_succeed,
        };
        if !is_right {
            wrong.push(format!(
                "{workload} is {state}, and has {times} new revisions: {target}"
            ));
        }
    }
    if Some(targets.len() as u64) != run["targets"].as_u64() {
        wrong.push(format!(
            "{} targets are listed of {}",
            targets.len(),
            run["targets"]
        ));
    }
    for (state, count) in &counts {
        if run["counts"][state].as_u64() != Some(*count) {
            wrong.push(format!(
                "{count} targets are {state}, the run says {}",
                run["counts"]
            ));
        }
    }
    let with = |outcome: &str| {
        lines
            .iter()
            .filter(|line| line["outcome"] == outcome)
            .count()
    };
    let succeeded = counts.get("succeeded").copied().unwrap_or_default();
    if (with("succeeded") as u64) < succeeded || with("pending") > 0 {
        let (done, pending) = (with("succeeded"), with("pending"));
        wrong.push(format!(
            "the audit has {done} changes that succeeded, {pending} pending"
        ));
    }
    Ok(wrong)
}

fn name(target: &Value) -> Option<String> {
    let of = |field: &str| target[field].as_str();
    let name = of("name").or_else(|| of("deployment_name"))?;
    Some(format!("{}/{}/{name}", of("cluster")?, of("namespace")?))
}
