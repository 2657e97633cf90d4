//! Followed logs when something goes wrong: floods, crashes, broken connections, too many of them.

use std::collections::BTreeSet;

use bus_schema::timing::{CREDIT_LEASE, HEARTBEAT_EVERY, stale_after};
use bus_schema::verb::{LogReply, ReadLog, RolloutState};
use bus_schema::{ContainerName, FaultCode, LogLine, PodName, StreamEnd, subject};
use futures::StreamExt as _;
use jiff::Timestamp;
use k8s_sim::{Fault, Kind, Simulation, Verb};
use serde_json::json;
use tokio::time::{Instant, timeout};
use xtask::condition;
use xtask::proxy::TcpProxy;

use crate::deployment::Target;
use crate::logs::{Reader, request};
use crate::stage::{PATIENCE, Stage};

/// F14.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_written_faster_than_it_is_read_reports_dropped_lines() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "log-flood").await;
    // The rate of each of the four containers: much more than is read, and little enough for a simulator in this process.
    let annotations = json!({ k8s_sim::LOG_RATE_ANNOTATION: "2000" });
    let template =
        json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } });
    target.patch(template).await;
    target.reaches(&stage, RolloutState::Complete).await;
    let mut reader = Reader::open(&stage, &target).await;
    reader.grant(1, false).await;
    let mut lines = 0;
    while lines < 1 {
        lines += reader.next().await.lines.len();
    }
    assert_eq!(lines, 1);
    let mut dropped = 0;
    condition::met("dropped lines", PATIENCE, async || {
        reader.grant(1, false).await;
        dropped += reader.next().await.dropped;
        Ok((dropped > 10_000).then_some(()))
    })
    .await
    .unwrap();
    // No other request is delayed for longer than it takes until the cluster is shown as stale.
    let mut heartbeats = stage.client.subscribe(subject::HEARTBEATS).await.unwrap();
    let late = stale_after(HEARTBEAT_EVERY);
    for _ in 0..2 {
        let next = async { tokio::join!(heartbeats.next(), stage.ready()) };
        timeout(late, next).await.expect("heartbeats are on time");
    }
    reader.grant(0, true).await;
    assert_eq!(reader.end().await, StreamEnd::Closed);
    agent.left().await;
}

#[tokio::test]
async fn a_container_that_restarts_is_followed_on_and_no_line_comes_twice() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let target = Target::create(&stage, "log-crash", "crash:1").await;
    let pods = target.list_pods();
    let restarts = async || {
        let pods = stage.ask(&pods).await.expect("pods").items;
        pods.iter().map(|pod| pod.restarts).sum::<u32>()
    };
    condition::met("running containers", PATIENCE, async || {
        let pods = stage.ask(&pods).await?.items;
        let running = pods
            .iter()
            .filter(|pod| pod.containers[1].state == "running");
        Ok((running.count() == 2).then_some(()))
    })
    .await
    .unwrap();
    let mut reader = Reader::open(&stage, &target).await;
    reader.grant(100_000, false).await;
    let at_first = restarts().await;
    let mut seen = BTreeSet::new();
    let mut after_restarts = 0;
    condition::met("lines after restarts", PATIENCE, async || {
        let restarted = restarts().await > at_first + 2;
        for line in reader.next().await.lines {
            let web = line.container.as_str() == "web";
            after_restarts += u32::from(web && restarted);
            let key = (line.pod, line.container, line.time, line.text);
            assert!(seen.insert(key.clone()), "twice: {key:?}");
        }
        Ok((after_restarts >= 3).then_some(()))
    })
    .await
    .unwrap();
    agent.left().await;
}

#[tokio::test]
async fn a_container_that_waits_for_its_restart_shows_its_last_run_at_once() {
    let sim = Simulation::builder().speed(4.0).start().await.unwrap();
    let (_sim, stage, agent) = Stage::with(sim).await;
    let target = Target::create(&stage, "log-back-off", "crash:1").await;
    let pods = target.list_pods();
    // The pods whose first container waits, and its number of restarts.
    let waiting = async || {
        let pods = stage.ask(&pods).await.expect("pods").items;
        let web = pods
            .into_iter()
            .map(|pod| (pod.pod, pod.containers[0].clone()));
        let waits = web.filter(|(_, it)| it.reason.as_deref() == Some("CrashLoopBackOff"));
        waits
            .map(|(pod, it)| (pod, it.restarts))
            .collect::<BTreeSet<_>>()
    };
    // They wait longer each time: finally long enough to read the log in the meantime, even on a busy machine.
    let (reader, pod) =
        condition::met("a log that is read while they wait", PATIENCE, async || {
            let mut begun = waiting().await;
            if begun.len() < 2 {
                return Ok(None);
            }
            let mut reader = Reader::open(&stage, &target).await;
            reader.grant(100_000, false).await;
            let mut read = BTreeSet::new();
            while read.len() < 2 {
                let lines = reader.next().await.lines.into_iter();
                let web = lines.filter(|line| line.container.as_str() == "web");
                read.extend(web.map(|line| line.pod));
            }
            let now = waiting().await;
            begun.retain(|one| now.contains(one));
            if let Some((pod, _)) = begun.pop_first() {
                return Ok(Some((reader, pod)));
            }
            reader.grant(0, true).await;
            Ok(None)
        })
        .await
        .unwrap();
    let container = &reader.containers[&(pod, "web".to_owned())];
    assert_eq!(
        (container.status.as_str(), container.problem.as_deref()),
        ("CrashLoopBackOff", None)
    );
    agent.left().await;
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_says_why_and_is_read_as_soon_as_it_can() {
    let (sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "log-closed").await;
    let faults = sim.clusters()[0].faults();
    faults.set(
        Fault::status(500)
            .for_verb(Verb::Get)
            .for_resource(Kind::Pod),
    );
    let mut reader = Reader::open(&stage, &target).await;
    reader.grant(100_000, false).await;
    let problems = |reader: &Reader| {
        let problems = reader
            .containers
            .values()
            .filter_map(|it| it.problem.clone());
        problems.collect::<Vec<_>>()
    };
    while problems(&reader).len() < 4 {
        assert_eq!(reader.next().await.lines, []);
    }
    let why = problems(&reader);
    assert!(
        why.iter().all(|why| why.contains("Internal error")),
        "{why:?}"
    );
    faults.clear();
    let mut lines = 0;
    while lines == 0 || !problems(&reader).is_empty() {
        lines += reader.next().await.lines.len();
    }
    agent.left().await;
}

type Line = (PodName, ContainerName, Option<Timestamp>, String);

fn key(line: LogLine) -> Line {
    (line.pod, line.container, line.time, line.text)
}

#[tokio::test]
async fn after_a_broken_connection_a_followed_log_resumes_at_its_position() {
    let sim = Simulation::builder().speed(20.0).start().await.unwrap();
    let address = sim.clusters()[0].address().unwrap();
    let proxy = TcpProxy::start(address).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = dir.path().join("kubeconfig");
    let direct = sim.kubeconfig();
    let proxied = direct.replace(&address.to_string(), &proxy.addr().to_string());
    std::fs::write(&kubeconfig, proxied).unwrap();
    let stage = Stage::new(sim.clusters()[0].client(), &kubeconfig).await;
    let agent = stage.agent();
    stage.ready().await;
    let target = Target::rolled_out(&stage, "log-broken").await;
    let mut reader = Reader::open(&stage, &target).await;
    reader.grant(100_000, false).await;

    let mut followed: Vec<Line> = Vec::new();
    for _ in 0..3 {
        let enough = followed.len() + 20;
        while followed.len() < enough {
            followed.extend(reader.next().await.lines.into_iter().map(key));
        }
        proxy.reset();
        condition::met("a broken connection", PATIENCE, async || {
            Ok(stage.ask(&target.rollout()).await.err())
        })
        .await
        .unwrap();
        proxy.heal();
    }
    reader.grant(0, true).await;
    let all = ReadLog {
        tail: Some(1_000),
        ..request(&target)
    };
    let LogReply::Lines { lines, .. } = stage.ask(&all).await.unwrap() else {
        panic!("a stream was not requested");
    };
    let written: Vec<Line> = lines.into_iter().map(key).collect();
    for source in followed
        .iter()
        .map(|(pod, container, ..)| (pod, container))
        .collect::<BTreeSet<_>>()
    {
        let of = |lines: &[Line]| -> Vec<Line> {
            let mine = lines
                .iter()
                .filter(|(pod, container, ..)| (pod, container) == source);
            mine.cloned().collect()
        };
        let (followed, written) = (of(&followed), of(&written));
        let begin = written
            .iter()
            .position(|line| *line == followed[0])
            .unwrap();
        assert_eq!(
            followed,
            written[begin..begin + followed.len()],
            "none twice, none missing"
        );
    }
    agent.left().await;
}

#[tokio::test]
async fn only_so_many_logs_are_followed_at_once() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "log-many").await;
    let mut readers = Vec::new();
    for _ in 0..32 {
        let reader = Reader::open(&stage, &target).await;
        // Without any credit, it would release its permit soon.
        reader.grant(1, false).await;
        readers.push(reader);
    }
    let follow = ReadLog {
        follow: true,
        ..request(&target)
    };
    let fault = stage.ask(&follow).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::Busy);
    let mut one = readers.pop().unwrap();
    one.grant(0, true).await;
    assert_eq!(one.end().await, StreamEnd::Closed);
    condition::met("a free permit", PATIENCE, async || {
        Ok(stage.ask(&follow).await.ok())
    })
    .await
    .unwrap();
    agent.left().await;
}

/// The requester may have disconnected before the reply arrived.
#[tokio::test]
async fn a_log_without_any_credit_releases_its_permit_soon() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "log-unread").await;
    let begun = Instant::now();
    let mut reader = Reader::open(&stage, &target).await;
    assert_eq!(reader.end().await, StreamEnd::Idle);
    assert!(begun.elapsed() < CREDIT_LEASE / 2, "{:?}", begun.elapsed());
    agent.left().await;
}

/// Reads until this many containers are not followed; returns the containers that have written by then and afterwards.
async fn writers(reader: &mut Reader<'_>, not_followed: u32, enough: usize) -> usize {
    let (mut writers, mut left_out) = (BTreeSet::new(), 0);
    let found = timeout(PATIENCE, async {
        loop {
            reader.grant(1_000, false).await;
            let chunk = reader.next().await;
            let lines = chunk.lines.into_iter();
            writers.extend(lines.map(|line| (line.pod, line.container)));
            left_out = chunk.not_followed;
            if left_out == not_followed && writers.len() >= enough {
                return;
            }
        }
    });
    let found = found.await;
    let writers = writers.len();
    assert!(
        found.is_ok(),
        "{writers} have written, {left_out} are not followed"
    );
    writers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_beyond_the_limit_are_counted_and_followed_when_others_end() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "log-wide").await;
    target.patch(json!({ "spec": { "replicas": 40 } })).await;
    target.reaches(&stage, RolloutState::Complete).await;
    let mut first = Reader::open(&stage, &target).await;
    let mut second = Reader::open(&stage, &target).await;
    for reader in [&mut first, &mut second] {
        assert_eq!(writers(reader, 16, 64).await, 64);
    }
    // 128 of all logs: no permit is left for a third log.
    let mut third = Reader::open(&stage, &target).await;
    assert_eq!(writers(&mut third, 80, 0).await, 0);
    first.grant(0, true).await;
    assert_eq!(first.end().await, StreamEnd::Closed);
    assert_eq!(writers(&mut third, 16, 64).await, 64);
    target.patch(json!({ "spec": { "replicas": 20 } })).await;
    writers(&mut second, 0, 0).await;
    agent.left().await;
}
