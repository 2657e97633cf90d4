//! The changes of its cluster that the agent publishes.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::Subscriber;
use bus_schema::subject::{self, FromAgent};
use bus_schema::verb::{ListWorkloads, WorkloadSummary};
use bus_schema::{Heartbeat, WorkloadChanges};
use futures::StreamExt;
use k8s_sim::{Fault, Verb};
use serde_json::json;
use tokio::time::{Instant, timeout};
use xtask::condition;

use crate::deployment::Target;
use crate::faults::of_deployments;
use crate::stage::{PATIENCE, Stage};

/// A subscriber to changes.
pub struct Listener {
    changes: Subscriber,
    /// The number of the last change.
    sequence: u64,
    /// The last published state of each deployment; `None` for those that are gone.
    last: BTreeMap<String, Option<WorkloadSummary>>,
}

impl Listener {
    pub async fn new(stage: &Stage) -> Self {
        let heartbeats = stage.client.subscribe(subject::HEARTBEATS).await;
        let changes = stage.client.subscribe(subject::WORKLOAD_CHANGES).await;
        let mut heartbeats = heartbeats.expect("a subscription");
        // The server has processed a client's earlier messages once it responds to a later one.
        let call = stage.client.publish(subject::ROLL_CALL, "".into()).await;
        call.expect("a connection");
        let heartbeat = timeout(PATIENCE, heartbeats.next()).await;
        let heartbeat = heartbeat
            .expect("a heartbeat in time")
            .expect("a heartbeat");
        let heartbeat: Heartbeat = serde_json::from_slice(&heartbeat.payload).expect("a heartbeat");
        Self {
            changes: changes.expect("a subscription"),
            sequence: heartbeat.changes.expect("the number of its changes"),
            last: BTreeMap::new(),
        }
    }

    /// Receives the next message; returns the names of its deployments. No change may be missing before it.
    async fn next(&mut self, stage: &Stage) -> Vec<String> {
        let message = timeout(PATIENCE, self.changes.next()).await;
        let message = message.expect("changes in time").expect("a connection");
        let from = FromAgent::WorkloadChanges(stage.cluster.clone());
        assert_eq!(subject::parse(&message.subject), Some(from));
        assert!(message.payload.len() <= WorkloadChanges::<WorkloadSummary>::BYTES);
        let published: WorkloadChanges = serde_json::from_slice(&message.payload).expect("changes");
        if published.sequence <= self.sequence {
            return Vec::new();
        }
        assert_eq!(published.after(), Some(self.sequence), "{published:?}");
        self.sequence = published.sequence;
        let gone = published
            .gone
            .into_iter()
            .map(|gone| (gone.name.to_string(), None));
        let changed = published
            .changed
            .into_iter()
            .map(|line| (line.name.to_string(), Some(line)));
        let published: Vec<_> = gone.chain(changed).collect();
        let names = published.iter().map(|(name, _)| name.clone()).collect();
        self.last.extend(published);
        names
    }

    /// Receives until the last published state of a deployment equals its line in the list: then no more changes of it follow.
    async fn until_quiet(&mut self, stage: &Stage, target: &Target) {
        let listed = line(stage, target).await;
        let same = |published: Option<&WorkloadSummary>| published == listed.as_ref();
        self.until(stage, target.name.as_str(), same).await;
    }

    /// Receives until the last published state of a deployment matches.
    pub async fn until(
        &mut self,
        stage: &Stage,
        name: &str,
        so: impl Fn(Option<&WorkloadSummary>) -> bool,
    ) {
        while !self.last.get(name).is_some_and(|line| so(line.as_ref())) {
            self.next(stage).await;
        }
    }
}

async fn line(stage: &Stage, target: &Target) -> Option<WorkloadSummary> {
    let list = ListWorkloads {
        namespace: Some(target.namespace.clone()),
        ..ListWorkloads::default()
    };
    let page = stage.ask(&list).await.expect("a page");
    let mut items = page.items.into_iter();
    items.find(|item| item.name == target.name)
}

pub async fn created_changed_and_deleted_deployments_are_published(stage: &Stage) {
    let mut listener = Listener::new(stage).await;
    let target = Target::rolled_out(stage, "published").await;
    listener.until_quiet(stage, &target).await;
    let scaled = json!({"spec": {"replicas": 1}});
    target.patch(scaled).await;
    let one = |line: Option<&WorkloadSummary>| line.is_some_and(|line| line.replicas == 1);
    listener.until(stage, "my.app", one).await;
    target.delete().await;
    listener.until(stage, "my.app", |line| line.is_none()).await;
}

pub async fn changes_that_a_list_does_not_show_are_not_published(stage: &Stage) {
    let mut listener = Listener::new(stage).await;
    let target = Target::rolled_out(stage, "untold").await;
    let other = Target::create_in(stage, "untold", "other", "web:1").await;
    other
        .reaches(stage, bus_schema::verb::RolloutState::Complete)
        .await;
    listener.until_quiet(stage, &target).await;
    listener.last.clear();
    // Annotations would show: they raise the generation, which the controller has to observe.
    for finalizers in [json!(["example.com/x"]), json!([])].iter().cycle().take(6) {
        let patch = json!({"metadata": {"finalizers": finalizers}});
        target.patch(patch).await;
    }
    // Seen by the same watch, after all of those. When a second change of this one is published, everything queued before it has been.
    for seen in ["once", "twice"] {
        let patch = json!({"metadata": {"labels": {"seen": seen}}});
        other.patch(patch).await;
        let so = |line: Option<&WorkloadSummary>| {
            line.is_some_and(|line| line.labels.get("seen").is_some_and(|it| it == seen))
        };
        listener.until(stage, "other", so).await;
    }
    assert!(!listener.last.contains_key("my.app"), "{:?}", listener.last);
    target.delete().await;
    other.delete().await;
}

#[tokio::test]
async fn a_storm_of_patches_is_published_at_most_twice_a_second_and_its_last_state_arrives() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "storm").await;
    let mut listener = Listener::new(&stage).await;
    let begun = Instant::now();
    let mut patches: u128 = 0;
    // Many more half seconds pass in the meantime, whatever the machine does.
    while begun.elapsed() < Duration::from_secs(3)
        || patches <= 2 * begun.elapsed().as_millis() / 500
    {
        patches += 1;
        let labels = json!({"metadata": {"labels": {"patch": patches.to_string()}}});
        target.patch(labels).await;
    }
    let mut published = 0;
    let last = |listener: &Listener| {
        let line = listener.last.get("my.app").cloned().flatten();
        line.and_then(|line| line.labels.get("patch").cloned()) == Some(patches.to_string())
    };
    while !last(&listener) {
        published += listener.next(&stage).await.len();
    }
    // However slow this machine is: at most one message for each half second since, and one more.
    let halves = begun.elapsed().as_millis() / 500 + 1;
    assert!(
        published as u128 <= halves,
        "{published} in {halves} half seconds"
    );
    assert!(
        patches > published as u128,
        "it was a storm: {patches} patches, {published} published"
    );
    agent.left().await;
}

#[tokio::test]
async fn after_a_break_of_the_watch_only_the_differences_are_published() {
    let (sim, stage, agent) = Stage::simulated().await;
    let mut listener = Listener::new(&stage).await;
    let mut targets = vec![Target::rolled_out(&stage, "broken").await];
    for name in ["changed", "deleted"] {
        let target = Target::create_in(&stage, "broken", name, "web:1").await;
        target
            .reaches(&stage, bus_schema::verb::RolloutState::Complete)
            .await;
        targets.push(target);
    }
    for target in &targets {
        listener.until_quiet(&stage, target).await;
    }
    listener.last.clear();
    let cluster = &sim.clusters()[0];
    for verb in [Verb::List, Verb::Watch] {
        cluster
            .faults()
            .set(of_deployments(Fault::status(500), verb));
    }
    cluster.break_watches();
    condition::met("a broken watch", PATIENCE, async || {
        Ok(stage.ask(&ListWorkloads::default()).await?.stale_seconds)
    })
    .await
    .unwrap();
    targets[1]
        .patch(json!({"metadata": {"labels": {"seen": "yes"}}}))
        .await;
    targets[2].delete().await;
    Target::create_in(&stage, "broken", "created", "web:1").await;
    cluster.faults().clear();
    let seen =
        |line: Option<&WorkloadSummary>| line.is_some_and(|line| line.labels.contains_key("seen"));
    listener.until(&stage, "changed", seen).await;
    listener
        .until(&stage, "deleted", |line| line.is_none())
        .await;
    listener
        .until(&stage, "created", |line| line.is_some())
        .await;
    assert!(!listener.last.contains_key("my.app"), "{:?}", listener.last);
    agent.left().await;
}

/// A line that fits into no message, and changes while there is no bus: the numbers continue.
#[tokio::test]
async fn changes_that_cannot_be_published_are_counted() {
    let (_sim, mut stage, agent) = Stage::simulated().await;
    let mut listener = Listener::new(&stage).await;
    let target = Target::rolled_out(&stage, "large").await;
    listener.until_quiet(&stage, &target).await;
    let image = format!("web:{}", "x".repeat(70_000));
    let large = json!([{"name": "web", "image": image}]);
    let template = json!({"spec": {"template": {"spec": {"containers": large}}}});
    target.patch(template).await;
    // Other changes continue, and their numbers show that one is missing.
    let other = Target::create_in(&stage, "large", "other", "web:1").await;
    loop {
        let message = timeout(PATIENCE, listener.changes.next()).await;
        let message = message.expect("changes in time").expect("a connection");
        let published: WorkloadChanges = serde_json::from_slice(&message.payload).unwrap();
        let large = |line: &WorkloadSummary| line.name == target.name;
        assert!(!published.changed.iter().any(large), "{published:?}");
        if published.after() > Some(listener.sequence) {
            break;
        }
        listener.sequence = published.sequence;
        let patch = json!({"metadata": {"labels": {"published": published.sequence.to_string()}}});
        other.patch(patch).await;
    }

    other
        .reaches(&stage, bus_schema::verb::RolloutState::Complete)
        .await;
    let mut listener = Listener::new(&stage).await;
    let before = listener.sequence;
    stage.nats.kill().await.unwrap();
    other.delete().await;
    target.delete().await;
    stage.nats.restart().await.unwrap();
    let counted = condition::met("both are counted", PATIENCE, async || {
        listener = Listener::new(&stage).await;
        Ok((listener.sequence >= before + 2).then_some(listener.sequence))
    });
    assert!(counted.await.unwrap() >= before + 2);
    agent.left().await;
}
