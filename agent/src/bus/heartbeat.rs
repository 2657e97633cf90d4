//! Sends heartbeats: immediately after connecting, on a roll call and when the state changes, otherwise at the heartbeat interval; and
//! a last one on shutdown. Acknowledgements correct the clock and may set another interval.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_nats::connection::State;
use async_nats::{Client, Message, Subscriber};
use bus_link::Moment;
use bus_schema::{AgentState, HeartbeatAck, RollCall, subject};
use futures::StreamExt;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Connected, HeartbeatInterval};
use crate::agent::{Agent, HeartbeatInput};
use crate::jitter;

/// The number of heartbeats that may still be acknowledged.
const UNANSWERED: usize = 4;

/// The longest spread that a roll call may request.
const WIDEST_SPREAD: Duration = Duration::from_secs(60);

/// Sends the agent's heartbeats.
pub struct HeartbeatSender {
    client: Client,
    stands: Arc<Notify>,
    agent: Arc<Agent>,
    answers: Subscriber,
    roll_calls: Subscriber,
    sequence: u64,
    sent: VecDeque<(u64, Moment)>,
    interval: HeartbeatInterval,
    round_trip: Option<Duration>,
    next: Instant,
}

impl HeartbeatSender {
    /// Subscribes to acknowledgements and roll calls; sends heartbeats once it is run.
    pub async fn new(bus: &Connected, agent: Arc<Agent>) -> Result<Self> {
        let client = bus.client.clone();
        let clock = subject::clock(&agent.cluster, &agent.instance);
        Ok(Self {
            answers: client.subscribe(clock).await?,
            roll_calls: client.subscribe(subject::ROLL_CALL).await?,
            stands: bus.stands.clone(),
            client,
            agent,
            sequence: 0,
            sent: VecDeque::new(),
            interval: bus.heartbeat_interval.clone(),
            round_trip: None,
            next: Instant::now(),
        })
    }

    /// Sends heartbeats until `stop`, then a last one.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.stands.notified() => self.next = Instant::now(),
                () = self.agent.caches.heartbeat_due.notified() => self.next = Instant::now(),
                Some(call) = self.roll_calls.next() => self.called(&call),
                Some(answer) = self.answers.next() => self.answered(&answer),
                () = sleep_until(self.next) => {
                    self.next = Instant::now() + jitter::around(self.interval.every());
                    self.send(AgentState::Up).await;
                }
            }
        }
        self.send(AgentState::Leaving).await;
    }

    /// Sends nothing without a connection: the heartbeat would wait in the queue and arrive late, as if it were new.
    async fn send(&mut self, state: AgentState) {
        if self.client.connection_state() != State::Connected {
            return;
        }
        self.sequence += 1;
        let now = Moment::now();
        self.sent.push_back((self.sequence, now));
        if self.sent.len() > UNANSWERED {
            self.sent.pop_front();
        }
        let input = HeartbeatInput {
            state,
            sequence: self.sequence,
            every: self.interval.every(),
            round_trip: self.round_trip,
            sent_at: now.wall,
        };
        let heartbeat = self.agent.heartbeat(input);
        let Ok(payload) = serde_json::to_vec(&heartbeat) else {
            tracing::error!("cannot serialize a heartbeat");
            return;
        };
        let subject = subject::heartbeat(&self.agent.cluster);
        let reply = subject::clock(&self.agent.cluster, &self.agent.instance);
        let sent = self
            .client
            .publish_with_reply(subject, reply, payload.into())
            .await;
        if let Err(error) = sent {
            tracing::warn!(%error, "cannot send a heartbeat");
        }
    }

    fn called(&mut self, call: &Message) {
        // An empty payload is a roll call too, from a user of the nats CLI.
        let call: RollCall = serde_json::from_slice(&call.payload).unwrap_or_default();
        let spread = Duration::from_millis(call.spread_milliseconds).min(WIDEST_SPREAD);
        self.next = self.next.min(Instant::now() + jitter::up_to(spread));
    }

    fn answered(&mut self, answer: &Message) {
        let answer: HeartbeatAck = match serde_json::from_slice(&answer.payload) {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(%error, "cannot parse a heartbeat acknowledgement");
                return;
            }
        };
        if let Some((_, sent)) = self
            .sent
            .iter()
            .find(|(sequence, _)| *sequence == answer.sequence)
        {
            self.round_trip = Some(sent.steady.elapsed());
            self.agent.observe_clock(*sent, answer.received_at);
        }
        self.set_interval(answer.every());
    }

    /// A shorter interval takes effect immediately. A longer one takes effect after the next heartbeat, which announces it: the last
    /// one promised the shorter interval.
    fn set_interval(&mut self, every: Duration) {
        if every != self.interval.every() {
            self.interval.set(every);
            self.next = self.next.min(Instant::now() + jitter::around(every));
        }
    }
}
