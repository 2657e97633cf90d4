//! The receiver of responses to fleet queries.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use bus_schema::subject::{self, FromAgent};
use tracing::{debug, warn};

use super::FleetQueries;
use super::responses::Fate;
use crate::agent_messages::{AgentMessages, Kind};
use crate::rate_limit;

const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Receives responses until the program ends.
pub async fn receive_responses(queries: Arc<FleetQueries>) {
    let mut responses = queries.subscribe_to_responses().await;
    tokio::spawn(async move {
        loop {
            match &mut responses {
                Some(responses) => {
                    while let Some((from, message)) = responses.next().await {
                        queries.receive_response(from, message);
                    }
                }
                None => tokio::time::sleep(TRY_AGAIN_AFTER).await,
            }
            warn!("cannot subscribe to responses to fleet queries; retrying");
            responses = queries.subscribe_to_responses().await;
        }
    });
}

impl FleetQueries {
    async fn subscribe_to_responses(&self) -> Option<AgentMessages> {
        let kind = Kind {
            // On the connection of the requests, so that the broker processes the subscription before them.
            bus: self.link.bus.clone(),
            name: "answers",
            pattern: subject::answers_to(&self.responses.requester),
            queue: None,
            limit: rate_limit::ANSWERS,
        };
        AgentMessages::open(&self.registry, &self.metrics, kind).await
    }

    fn receive_response(&self, from: FromAgent, message: Message) {
        let subject = message.subject.clone();
        match self.responses.take_in(from, message) {
            Fate::Delivered => {}
            Fate::Ignored => {
                self.metrics.answered("late");
                debug!(%subject, "late or unknown response");
            }
            Fate::Duplicate(cluster) => {
                self.metrics.answered("repeated");
                self.registry.protocol_violation(
                    &cluster,
                    "answered one fleet query more than once",
                    None,
                );
            }
        }
    }
}
