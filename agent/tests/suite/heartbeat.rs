//! The agent's heartbeats, and their acknowledgements.

use std::time::{Duration, Instant};

use async_nats::{Message, Subscriber};
use bus_schema::timing::HEARTBEAT_EVERY;
use bus_schema::{AgentState, FaultCode, Heartbeat, HeartbeatAck, RollCall, subject};
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;
use xtask::condition;

use crate::deployment::Target;
use crate::stage::{PATIENCE, Running, Stage};

async fn hear(stage: &Stage) -> Subscriber {
    let heard = stage
        .client
        .subscribe(subject::HEARTBEATS)
        .await
        .expect("a subscription");
    // The server processes the messages of a connection in order: once this message is echoed, the subscription is active.
    let mut ready = stage
        .client
        .subscribe("ready")
        .await
        .expect("a subscription");
    let sent = stage.client.publish("ready", "".into()).await;
    sent.expect("a connection");
    let came = timeout(PATIENCE, ready.next()).await;
    came.expect("a message in time").expect("a connection");
    heard
}

async fn next(heard: &mut Subscriber) -> (Message, Heartbeat) {
    let message = timeout(PATIENCE, heard.next())
        .await
        .expect("a heartbeat in time");
    let message = message.expect("a heartbeat");
    let heartbeat = serde_json::from_slice(&message.payload).expect("a heartbeat");
    (message, heartbeat)
}

async fn answer(stage: &Stage, message: &Message, ack: &HeartbeatAck) {
    let reply = message.reply.clone().expect("a reply subject");
    let payload = serde_json::to_vec(ack).expect("JSON");
    stage
        .client
        .publish(reply, payload.into())
        .await
        .expect("sent");
}

/// The heartbeats of a second agent after its start: the first one, and the first one with the cluster's state.
struct Start {
    agent: Running,
    message: Message,
    first: Heartbeat,
    full: Heartbeat,
    took: Duration,
}

async fn start(stage: &Stage, heard: &mut Subscriber) -> Start {
    let (agent, started) = (stage.agent(), Instant::now());
    let (message, first) = condition::met("the second agent's heartbeat", PATIENCE, async || {
        let (message, heartbeat) = next(heard).await;
        Ok((heartbeat.sequence == 1).then_some((message, heartbeat)))
    })
    .await
    .expect("a first heartbeat");
    let mut heartbeat = first.clone();
    let full = condition::met("a heartbeat that knows the cluster", PATIENCE, async || {
        if heartbeat.counts.is_none() {
            (_, heartbeat) = next(heard).await;
        }
        let known = heartbeat.instance == first.instance && heartbeat.counts.is_some();
        Ok(known.then(|| heartbeat.clone()))
    });
    Start {
        full: full.await.expect("a heartbeat that knows the cluster"),
        took: started.elapsed(),
        agent,
        message,
        first,
    }
}

#[tokio::test]
async fn the_first_heartbeat_is_sent_at_once_and_the_last_one_on_shutdown() {
    let (sim, stage, agent) = Stage::simulated().await;
    let mut heard = hear(&stage).await;
    // State that was read in the meantime is also sent immediately, not with the next regular heartbeat. At least one of several agents
    // must show that: a pause of the machine may delay any of them.
    let start = condition::met("an agent that is heard at once", PATIENCE, async || {
        let start = start(&stage, &mut heard).await;
        if start.took < HEARTBEAT_EVERY - Duration::from_secs(1) {
            return Ok(Some(start));
        }
        start.agent.left().await;
        Ok(None)
    });
    let Start {
        agent: second,
        message,
        first,
        full,
        ..
    } = start.await.unwrap();
    assert_eq!(message.subject.as_str(), subject::heartbeat(&stage.cluster));
    let clock = subject::clock(&stage.cluster, &first.instance);
    assert_eq!(message.reply.unwrap().as_str(), clock);
    assert_eq!(first.state, AgentState::Up);
    assert!(first.verbs.contains(&"restart".to_owned()));
    assert_eq!(full.cluster_uid, Some(sim.clusters()[0].uid()));
    assert_eq!(full.counts.unwrap().namespaces, 4);

    second.left().await;
    let last = condition::met("the last heartbeat", PATIENCE, async || {
        let (_, heartbeat) = next(&mut heard).await;
        let left = heartbeat.state == AgentState::Leaving;
        Ok((left && heartbeat.instance == first.instance).then_some(()))
    });
    last.await.unwrap();
    agent.left().await;
}

#[tokio::test]
async fn a_roll_call_is_answered_at_once() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let mut heard = hear(&stage).await;
    let (_, before) = next(&mut heard).await;
    let called = Instant::now();
    for _ in 0..5 {
        let call = serde_json::to_vec(&RollCall::default()).unwrap();
        stage
            .client
            .publish(subject::ROLL_CALL, call.into())
            .await
            .unwrap();
        next(&mut heard).await;
    }
    // With regular heartbeats it would take twenty-five seconds.
    let took = called.elapsed();
    assert!(took < 2 * HEARTBEAT_EVERY, "{took:?}");
    let (_, after) = next(&mut heard).await;
    assert!(after.sequence >= before.sequence + 6);
    agent.left().await;
}

#[tokio::test]
async fn the_agent_follows_the_requested_heartbeat_interval() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let mut heard = hear(&stage).await;
    let (message, first) = next(&mut heard).await;
    let ack = HeartbeatAck {
        sequence: first.sequence,
        received_at: Timestamp::now(),
        every_seconds: Some(1),
    };
    answer(&stage, &message, &ack).await;
    let begun = Instant::now();
    for _ in 0..3 {
        next(&mut heard).await;
    }
    assert!(
        begun.elapsed() < 2 * HEARTBEAT_EVERY,
        "{:?}",
        begun.elapsed()
    );
    agent.left().await;
}

/// The aggregator's clock is an hour ahead: a deadline in half an hour by this clock has expired.
#[tokio::test]
async fn deadlines_are_read_by_the_aggregators_clock() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "skewed").await;
    let before = target.read().await.metadata.generation;
    let mut request = target.restart(1);
    request.guard.deadline = Some(Timestamp::now() + SignedDuration::from_mins(30));

    let mut heard = hear(&stage).await;
    let (message, heartbeat) = next(&mut heard).await;
    let ack = HeartbeatAck {
        sequence: heartbeat.sequence,
        received_at: Timestamp::now() + SignedDuration::from_hours(1),
        every_seconds: None,
    };
    answer(&stage, &message, &ack).await;
    // The acknowledgement arrives on the same connection as the request, but on another subscription.
    stage.ask(&target.rollout()).await.unwrap();
    let fault = stage.ask(&request).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::Expired, "{fault}");
    assert_eq!(target.read().await.metadata.generation, before);

    request.guard.deadline = Some(Timestamp::now() + SignedDuration::from_mins(61));
    stage.ask(&request).await.unwrap();
    agent.left().await;
}

#[tokio::test]
async fn the_agent_recovers_from_an_outage_of_the_bus() {
    let (_sim, mut stage, agent) = Stage::simulated().await;
    let mut heard = hear(&stage).await;
    let (_, before) = next(&mut heard).await;
    stage.nats.kill().await.unwrap();
    stage.nats.restart().await.unwrap();
    let after = condition::met("a heartbeat after the break", PATIENCE, async || {
        let (_, heartbeat) = next(&mut heard).await;
        Ok((heartbeat.sequence > before.sequence).then_some(heartbeat))
    });
    assert_eq!(after.await.unwrap().instance, before.instance);
    stage.ready().await;
    agent.left().await;
}
