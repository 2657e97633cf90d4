//! Logs, read once and followed.

use std::collections::{BTreeMap, BTreeSet};

use async_nats::Subscriber;
use bus_schema::verb::{LogReply, ReadLog, RolloutState};
use bus_schema::{FaultCode, LogChunk, LogContainer, LogCredit, PodName, StreamEnd};
use futures::StreamExt;
use tokio::time::timeout;
use xtask::condition;

use crate::deployment::Target;
use crate::stage::{PATIENCE, Stage};

pub fn request(target: &Target) -> ReadLog {
    ReadLog {
        target: target.workload(),
        pod: None,
        container: None,
        tail: None,
        since_seconds: None,
        until: None,
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
            containers,
        } = stage.ask(&request(&target)).await?
        else {
            anyhow::bail!("a stream was not requested");
        };
        assert!(!truncated);
        let writers: BTreeSet<_> = lines
            .iter()
            .map(|line| (&line.pod, &line.container))
            .collect();
        assert_eq!(containers.len(), 4);
        let running = containers
            .iter()
            .all(|it| it.status == "Running" && it.problem.is_none());
        Ok((writers.len() == 4 && running).then_some(lines))
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
        panic!("a stream was not requested");
    };
    let writers: Vec<_> = lines.iter().map(|line| line.container.as_str()).collect();
    assert_eq!(writers, ["web", "web"]);

    let missing_pod = ReadLog {
        container: Some("no-such".parse().unwrap()),
        ..request(&target)
    };
    let fault = stage.ask(&missing_pod).await.unwrap_err();
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
        lines, containers, ..
    } = stage.ask(&previous).await.unwrap()
    else {
        panic!("a stream was not requested");
    };
    assert!(lines.is_empty());
    assert_eq!(containers.len(), 4);
    let problem = |it: &LogContainer| it.problem.clone().unwrap_or_default();
    assert!(
        containers.iter().all(|it| problem(it).contains("previous")),
        "{containers:?}"
    );
}

/// A reader of a followed log.
pub struct Reader<'a> {
    stage: &'a Stage,
    chunks: Subscriber,
    credit: String,
    sequence: u64,
    /// Their last reported status.
    pub containers: BTreeMap<(PodName, String), LogContainer>,
}

impl<'a> Reader<'a> {
    pub async fn open(stage: &'a Stage, target: &Target) -> Self {
        let follow = ReadLog {
            follow: true,
            tail: Some(1),
            ..request(target)
        };
        let LogReply::Stream { stream, credit } = stage.ask(&follow).await.expect("a stream")
        else {
            panic!("a stream was requested");
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
            containers: BTreeMap::new(),
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
        for container in &chunk.containers {
            let key = (container.pod.clone(), container.container.to_string());
            self.containers.insert(key, container.clone());
        }
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

    reader.grant(3, false).await;
    let mut first = Vec::new();
    while first.len() < 3 {
        first.extend(reader.next().await.lines);
    }
    assert_eq!(first.len(), 3, "no line beyond the credit");
    let names: Vec<_> = reader.containers.values().map(|it| &*it.status).collect();
    assert_eq!(names, ["Running"; 4]);

    let old: BTreeSet<_> = first.iter().map(|line| line.pod.clone()).collect();
    stage.ask(&target.restart(1)).await.unwrap();
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

pub async fn a_container_without_lines_is_named_and_says_why(stage: &Stage) {
    let target = Target::create(stage, "log-nothing", "does-not-exist:1").await;
    let of_web = |containers: &[LogContainer]| {
        let web = containers
            .iter()
            .filter(|it| it.container.as_str() == "web");
        let why = |it: &LogContainer| {
            let waits = it.status == "ImagePullBackOff" || it.status == "ErrImagePull";
            waits && it.problem.as_ref().is_some_and(|why| !why.is_empty())
        };
        let web: Vec<_> = web.collect();
        web.len() == 2 && web.iter().all(|it| why(it))
    };
    condition::met("why nothing is written", PATIENCE, async || {
        let LogReply::Lines { containers, .. } = stage.ask(&request(&target)).await? else {
            anyhow::bail!("a stream was not requested");
        };
        assert!(containers.len() <= 4, "{containers:?}");
        Ok(of_web(&containers).then_some(()))
    })
    .await
    .unwrap();
    let mut reader = Reader::open(stage, &target).await;
    reader.grant(100_000, false).await;
    while !of_web(&reader.containers.values().cloned().collect::<Vec<_>>()) {
        reader.next().await;
    }
    reader.grant(0, true).await;
    assert_eq!(reader.end().await, StreamEnd::Closed);
}

pub async fn a_window_of_a_log_has_an_end(stage: &Stage) {
    let target = Target::rolled_out(stage, "log-window").await;
    let read = async |until, tail| {
        let window = ReadLog {
            since_seconds: Some(3600),
            until,
            tail,
            ..request(&target)
        };
        match stage.ask(&window).await.unwrap() {
            LogReply::Lines {
                lines, truncated, ..
            } => (lines, truncated),
            LogReply::Stream { .. } => panic!("a stream was not requested"),
        }
    };
    let all = condition::met("some lines", PATIENCE, async || {
        let (lines, _) = read(None, Some(1000)).await;
        Ok((lines.len() >= 12).then_some(lines))
    });
    let all = all.await.unwrap();
    let end = all[all.len() / 2].time;
    let (window, truncated) = read(end, Some(1000)).await;
    assert!(!truncated);
    assert!(window.iter().all(|line| line.time <= end), "{window:?}");
    let expected: Vec<_> = all.iter().filter(|line| line.time <= end).collect();
    assert_eq!(window.iter().collect::<Vec<_>>(), expected);
    // The last lines before the end of the window, and not the last of all.
    let (last, truncated) = read(end, Some(1)).await;
    assert!(truncated);
    for line in &last {
        let mut of_its = window
            .iter()
            .filter(|it| (&it.pod, &it.container) == (&line.pod, &line.container));
        assert_eq!(of_its.next_back(), Some(line));
    }
}

pub async fn one_pod_is_read_alone(stage: &Stage) {
    let target = Target::rolled_out(stage, "log-pod").await;
    let pods = stage.ask(&target.list_pods()).await.unwrap().items;
    let one = ReadLog {
        pod: Some(pods[0].pod.clone()),
        ..request(&target)
    };
    let LogReply::Lines { containers, .. } = stage.ask(&one).await.unwrap() else {
        panic!("a stream was not requested");
    };
    let read: BTreeSet<_> = containers.iter().map(|it| &it.pod).collect();
    assert_eq!(read, BTreeSet::from([&pods[0].pod]));
    let none = ReadLog {
        pod: Some("no-such".parse().unwrap()),
        ..request(&target)
    };
    let fault = stage.ask(&none).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::NotFound);
    assert!(fault.message.contains("no-such"), "{fault}");
    let no_start = ReadLog {
        until: Some(jiff::Timestamp::now()),
        ..request(&target)
    };
    let fault = stage.ask(&no_start).await.unwrap_err();
    assert_eq!(fault.field.as_deref(), Some("until"), "{fault}");
    let no_time = ReadLog {
        since_seconds: Some(0),
        ..request(&target)
    };
    let fault = stage.ask(&no_time).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::InvalidRequest);
    assert!(fault.message.starts_with("since_seconds"), "{fault}");
}
