//! Ten thousand deployments: pages, time and memory.

use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use bus_link::encoding;
use bus_schema::verb::ListWorkloads;
use bus_schema::{FaultCode, MAX_LIMIT, PAGE_BYTES, Request as _, subject};
use k8s_sim::Simulation;
use tokio::process::Command;
use xtask::condition;
use xtask::process::Process;

use crate::deployment::Target;
use crate::stage::{PATIENCE, Stage};

const DEPLOYMENTS: usize = 10_000;

#[tokio::test]
async fn ten_thousand_deployments_come_in_pages_from_under_sixty_megabytes() {
    let builder = Simulation::builder()
        .namespaces(50)
        .deployments(DEPLOYMENTS);
    let (_sim, stage, agent) = Stage::with(builder.start().await.unwrap()).await;
    agent.left().await;

    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent"));
    command
        .args([
            "--cluster-name",
            stage.cluster.as_str(),
            "--nats-url",
            &stage.nats.url(),
        ])
        .arg("--nats-creds")
        .arg(&stage.creds)
        .arg("--kubeconfig")
        .arg(&stage.kubeconfig);
    let program = Process::spawn("agent", command, &dir.path().join("agent.log")).unwrap();
    let info = stage.ready().await;
    assert_eq!(info.counts.unwrap().deployments, DEPLOYMENTS as u64);

    for limit in [500, MAX_LIMIT] {
        let begun = Instant::now();
        let (pages, slowest, names) = page_through(&stage, limit).await;
        println!(
            "limit {limit}: {pages} pages in {:?}, the slowest {slowest:?}",
            begun.elapsed()
        );
        assert_eq!(names.len(), DEPLOYMENTS);
        assert!(names.is_sorted_by(|a, b| a < b), "each one once, in order");
        assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    }
    large_replies_are_compressed_for_requesters_that_accept_it(&stage).await;
    let resident = resident_kilobytes(program.pid());
    println!("resident: {resident} kB");
    assert!(resident < 60_000, "{resident} kB");
}

async fn page_through(stage: &Stage, limit: u32) -> (usize, Duration, Vec<(String, String)>) {
    let mut request = ListWorkloads {
        limit: Some(limit),
        ..ListWorkloads::default()
    };
    let (mut pages, mut slowest, mut names) = (0, Duration::ZERO, Vec::new());
    loop {
        let begun = Instant::now();
        let page = stage.ask(&request).await.expect("a page");
        slowest = slowest.max(begun.elapsed());
        pages += 1;
        let size = serde_json::to_vec(&page).expect("JSON").len();
        assert!(size < PAGE_BYTES + 1_000, "{size}");
        let items = page.items.into_iter();
        names.extend(items.map(|item| (item.namespace.to_string(), item.name.to_string())));
        match page.next {
            Some(next) => request.next = Some(next),
            None => return (pages, slowest, names),
        }
    }
}

async fn large_replies_are_compressed_for_requesters_that_accept_it(stage: &Stage) {
    let subject = subject::aggregator_request(&stage.cluster, ListWorkloads::VERB);
    let page = async |headers| {
        let reply = stage
            .client
            .request_with_headers(subject.clone(), headers, "".into());
        reply.await.expect("a reply")
    };
    let plain = page(HeaderMap::new()).await;
    assert!(plain.payload.starts_with(b"{\"items\":["), "plain JSON");
    let packed = page(encoding::accepting()).await;
    assert!(packed.payload.len() < plain.payload.len() / 4);
    let unpacked = encoding::unpack(packed.payload, packed.headers.as_ref()).expect("zstd");
    assert_eq!(unpacked, plain.payload);
}

fn resident_kilobytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("its memory");
    let number = line.split_whitespace().nth(1).expect("a number");
    number.parse().expect("a number")
}

/// F15. An item that fits into no page gets a fault immediately; the bus would drop the reply silently.
#[tokio::test]
async fn a_deployment_that_is_larger_than_any_reply_is_a_named_error_and_not_a_silence() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let giant = "x".repeat(1_200_000);
    let target = Target::create(&stage, "giant", &giant).await;
    Target::create(&stage, "small", "web:1").await;
    let list = |namespace: &str| ListWorkloads {
        namespace: Some(namespace.parse().expect("a name")),
        ..ListWorkloads::default()
    };
    let fault = condition::met("it is in the cache", PATIENCE, async || {
        Ok(stage.ask(&list("giant")).await.err())
    });
    let fault = fault.await.unwrap();
    assert_eq!(fault.code, FaultCode::TooLarge, "{fault}");
    let fault = stage.ask(&target.rollout()).await.err();
    assert!(fault.is_none_or(|fault| fault.code == FaultCode::TooLarge));
    let small = stage.ask(&list("small")).await.unwrap();
    assert_eq!(small.items.len(), 1);
    agent.left().await;
}
