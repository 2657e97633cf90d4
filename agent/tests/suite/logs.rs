//! Logs, read once and followed.

use std::collections::BTreeSet;

use async_nats::Subscriber;
use bus_schema::verb::{ListPods, LogReply, ReadLog, RolloutState};
use bus_schema::{FaultCode, LogChunk, LogCredit, StreamEnd};
use futures::StreamExt;
use serde_json::json;
use tokio::time::timeout;
use xtask::condition;

use crate::deployment::Target;
use crate::stage::{PATIENCE, Stage};

fn request(target: &Target) -> ReadLog {
    ReadLog {
        namespace: target.namespace.clone(),
        deployment_name: target.name.clone(),
        container: None,
        tail: None,
        since_seconds: None,
        previous: false,
        follow: false,
    }
}

pub async fn the_last_lines_of_all_containers_are_merged_by_time(stage: &Stage) {
    let target = Target::rolled_out(stage, "log-tail").await;
    let lines = condition::met("lines of all containers", PATIENCE, async || {
        let LogReply::Lines {
            lines,
            truncated,
            problems,
        } = stage.ask(&request(&target)).await?
        else {
            anyhow::bail!("a stream was not asked for");
        };
        assert!(!truncated);
        let writers: BTreeSet<_> = lines
            .iter()
            .map(|line| (&line.pod, &line.container))
            .collect();
        Ok((writers.len() == 4 && problems.is_empty()).then_some(lines))
    });
    let lines = lines.await.unwrap();
    assert!(lines.is_sorted_by(|a, b| a.time <= b.time));
    assert!(
        lines
            .iter()
            .all(|line| line.time.is_some() && !line.text.is_empty())
    );

    let one = ReadLog {
        container: Some("web".parse().unwrap()),
        tail: Some(1),
        ..request(&target)
    };
    let LogReply::Lines { lines, .. } = stage.ask(&one).await.unwrap() else {
        panic!("a stream was not asked for");
    };
    let writers: Vec<_> = lines.iter().map(|line| line.container.as_str()).collect();
    assert_eq!(writers, ["web", "web"]);

    let nobody = ReadLog {
        container: Some("no-such".parse().unwrap()),
        ..request(&target)
    };
    let fault = stage.ask(&nobody).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::NotFound);
    let too_many = ReadLog {
        tail: Some(ReadLog::MAX_TAIL + 1),
        ..request(&target)
    };
    let fault = stage.ask(&too_many).await.unwrap_err();
    assert!(fault.message.starts_with("tail"), "{fault}");
}

pub async fn a_run_that_never_was_is_a_problem_of_its_container_alone(stage: &Stage) {
    let target = Target::rolled_out(stage, "log-previous").await;
    let previous = ReadLog {
        previous: true,
        ..request(&target)
    };
    let LogReply::Lines {
        lines, problems, ..
    } = stage.ask(&previous).await.unwrap()
    else {
        panic!("a stream was not asked for");
    };
    assert!(lines.is_empty());
    assert_eq!(problems.len(), 4);
    assert!(
        problems.iter().all(|p| p.message.contains("previous")),
        "{problems:?}"
    );
}

/// A reader of a followed log.
pub struct Reader<'a> {
    stage: &'a Stage,
    chunks: Subscriber,
    credit: String,
    sequence: u64,
    pub sources: usize,
}

impl<'a> Reader<'a> {
    pub async fn open(stage: &'a Stage, target: &Target) -> Self {
        let follow = ReadLog {
            follow: true,
            tail: Some(1),
            ..request(target)
        };
        let LogReply::Stream {
            stream,
            credit,
            sources,
        } = stage.ask(&follow).await.expect("a stream")
        else {
            panic!("a stream was asked for");
        };
        let chunks = stage
            .client
            .subscribe(stream)
            .await
            .expect("a subscription");
        stage.client.flush().await.expect("sent");
        Self {
            stage,
            chunks,
            credit,
            sequence: 0,
            sources: sources.len(),
        }
    }

    pub async fn grant(&self, lines: u32, close: bool) {
        let credit = serde_json::to_vec(&LogCredit { lines, close }).expect("JSON");
        let sent = self
            .stage
            .client
            .publish(self.credit.clone(), credit.into())
            .await;
        sent.expect("sent");
    }

    pub async fn next(&mut self) -> LogChunk {
        let message = timeout(PATIENCE, self.chunks.next())
            .await
            .expect("a chunk in time");
        let message = message.expect("a chunk");
        let chunk: LogChunk = serde_json::from_slice(&message.payload).expect("a chunk");
        self.sequence += 1;
        assert_eq!(chunk.sequence, self.sequence);
        chunk
    }

    pub async fn end(&mut self) -> StreamEnd {
        loop {
            if let Some(end) = self.next().await.end {
                return end;
            }
        }
    }
}

pub async fn a_followed_log_flows_by_credit_and_shows_pods_that_come_later(stage: &Stage) {
    let target = Target::rolled_out(stage, "log-follow").await;
    let mut reader = Reader::open(stage, &target).await;
    assert_eq!(reader.sources, 4);

    reader.grant(3, false).await;
    let mut first = Vec::new();
    while first.len() < 3 {
        first.extend(reader.next().await.lines);
    }
    assert_eq!(first.len(), 3, "no line beyond the credit");

    let old: BTreeSet<_> = first.iter().map(|line| line.pod.clone()).collect();
    stage
        .ask(&target.restart("2026-03-01T10:00:00Z"))
        .await
        .unwrap();
    target.reaches(stage, RolloutState::Complete).await;
    reader.grant(100_000, false).await;
    loop {
        let lines = reader.next().await.lines;
        if lines
            .iter()
            .any(|line| !old.contains(&line.pod) && line.container.as_str() == "side")
        {
            break;
        }
    }
    reader.grant(0, true).await;
    assert_eq!(reader.end().await, StreamEnd::Closed);
}

pub async fn a_followed_log_ends_with_its_deployment(stage: &Stage) {
    let target = Target::rolled_out(stage, "log-gone").await;
    let mut reader = Reader::open(stage, &target).await;
    reader.grant(100_000, false).await;
    reader.next().await;
    target.delete().await;
    assert_eq!(reader.end().await, StreamEnd::Gone);
}

#[tokio::test]
async fn a_log_that_is_written_faster_than_it_is_read_shows_how_much_is_missing() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "log-flood").await;
    let annotations = json!({ k8s_sim::LOG_RATE_ANNOTATION: "50000" });
    let template =
        json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } });
    target.patch(template).await;
    target.reaches(&stage, RolloutState::Complete).await;
    let mut reader = Reader::open(&stage, &target).await;
    reader.grant(1, false).await;
    assert_eq!(reader.next().await.lines.len(), 1);
    let mut dropped = 0;
    condition::met("dropped lines", PATIENCE, async || {
        reader.grant(1, false).await;
        dropped += reader.next().await.dropped;
        Ok((dropped > 10_000).then_some(()))
    })
    .await
    .unwrap();
    let begun = std::time::Instant::now();
    stage.ready().await;
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(2),
        "requests are not held up"
    );
    reader.grant(0, true).await;
    assert_eq!(reader.end().await, StreamEnd::Closed);
    agent.left().await;
}

#[tokio::test]
async fn a_container_that_restarts_is_followed_on_and_no_line_comes_twice() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let target = Target::create(&stage, "log-crash", "crash:1").await;
    let pods = ListPods {
        namespace: target.namespace.clone(),
        deployment_name: target.name.clone(),
        limit: None,
        next: None,
    };
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
    while after_restarts < 3 {
        let restarted = restarts().await > at_first + 2;
        for line in reader.next().await.lines {
            let web = line.container.as_str() == "web";
            after_restarts += u32::from(web && restarted);
            let key = (line.pod, line.container, line.time, line.text);
            assert!(seen.insert(key.clone()), "twice: {key:?}");
        }
    }
    agent.left().await;
}

#[tokio::test]
async fn only_so_many_logs_are_followed_at_once() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "log-many").await;
    let mut readers = Vec::new();
    for _ in 0..32 {
        readers.push(Reader::open(&stage, &target).await);
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
    condition::met("a place", PATIENCE, async || {
        Ok(stage.ask(&follow).await.ok())
    })
    .await
    .unwrap();
    agent.left().await;
}
