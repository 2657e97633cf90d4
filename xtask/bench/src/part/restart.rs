//! `POST /restart` until the deployment is written, including the audit, compared with the same patch sent to the API server itself.

use std::time::Duration;

use anyhow::{Context, Result};
use hyper::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::list::{NAMESPACE, ask, one_cluster};
use crate::caller::{Ask, Http};
use crate::load::at_rate;
use crate::options::Options;
use crate::round::Rounds;
use crate::row::{Row, Target};
use crate::test_bed::TestBed;

/// The simulator carries out the rollouts: more of them would be a significant load.
const A_SECOND: f64 = 20.0;

pub async fn rows(options: &Options, test_bed: &mut TestBed) -> Result<Vec<Row>> {
    let api = one_cluster(test_bed).await?;
    let mut ours = test_bed.caller().await?;
    let names = names(&ours.call(&ask(&api)).await?)?;
    let mut names = names.iter().cycle();
    let mut theirs = Http::connect(api.address, None).await?;
    let mut rounds = Vec::new();
    // The first round is the warm-up.
    for round in 0..=options.rounds {
        let restarts = measure(options, async || {
            let name = names.next().context("no deployments")?;
            ours.call(&restart(&api.cluster, name)).await.map(drop)
        });
        let restarts = restarts.await?;
        let patches = measure(options, async || {
            let name = names.next().context("no deployments")?;
            theirs.call(&patch(name)).await.map(drop)
        });
        let patches = patches.await?;
        if round > 0 {
            rounds.push(vec![restarts, patches]);
        }
    }
    let rounds = Rounds::from(rounds);
    let row = Row::new("restart, p50", rounds.value(0), "ms")
        .against(
            "patch of the API server",
            rounds.value(1),
            rounds.ratio(0, 1),
        )
        .target(&[Target::AddsAtMost(3.0)]);
    Ok(vec![row])
}

async fn measure(options: &Options, call: impl AsyncFnMut() -> Result<()>) -> Result<f64> {
    let latencies = at_rate(A_SECOND, options.length(), call).await?;
    Ok(latencies.quantile(0.5))
}

fn names(list: &[u8]) -> Result<Vec<String>> {
    let list: Value = serde_json::from_slice(list)?;
    let items = list["items"].as_array().context("no items")?;
    let name = |item: &Value| item["deployment_name"].as_str().map(str::to_owned);
    items
        .iter()
        .map(name)
        .collect::<Option<_>>()
        .context("no name")
}

fn restart(cluster: &str, name: &str) -> Ask {
    let body = json!({ "cluster": cluster, "namespace": NAMESPACE, "deployment_name": name });
    Ask {
        method: Method::POST,
        path: "/restart".to_owned(),
        content_type: "application/json",
        body: body.to_string().into(),
    }
}

/// As kubectl does it, but without reading first.
fn patch(name: &str) -> Ask {
    // A time in the recent past, different each time: it must not be later than the next restart, and must change the template.
    let time = Timestamp::now() - Duration::from_secs(3600);
    let body = json!({ "spec": { "template": { "metadata": { "annotations": {
        "kubectl.kubernetes.io/restartedAt": time.to_string(),
    } } } } });
    Ask {
        method: Method::PATCH,
        path: format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}"),
        content_type: "application/strategic-merge-patch+json",
        body: body.to_string().into(),
    }
}
