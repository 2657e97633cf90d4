//! Receives heartbeats, acknowledges them, and persists changes of clusters.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use bus_schema::subject;
use bus_schema::{ClusterName, Heartbeat, HeartbeatAck};
use tracing::{info, warn};

use super::agent_link::AgentLink;
use super::agent_messages::{AgentMessages, Kind};
use super::journal::Journal;
use super::{Clusters, SharedRegistry, json, rate_limit};
use diagnostics::Metrics;
use registry::Moment;

/// Heartbeats are small; larger messages are rejected.
const HEARTBEAT_BYTES: usize = 16 * 1024;

/// The receiver of heartbeats.
#[derive(Debug)]
pub struct Heartbeats {
    link: Arc<AgentLink>,
    registry: Arc<SharedRegistry>,
    clusters: Clusters,
    /// Provides the time on the bus.
    journal: Journal,
    metrics: Metrics,
}

impl Heartbeats {
    /// Receives the heartbeats of this link into this registry.
    #[must_use]
    pub fn new(
        link: Arc<AgentLink>,
        registry: Arc<SharedRegistry>,
        clusters: Clusters,
        journal: Journal,
        metrics: Metrics,
    ) -> Self {
        Self {
            link,
            registry,
            clusters,
            journal,
            metrics,
        }
    }

    /// Receives heartbeats forever.
    pub async fn receive(self) {
        loop {
            let kind = Kind {
                bus: self.link.unasked.clone(),
                name: "heartbeats",
                pattern: subject::HEARTBEATS.to_owned(),
                queue: None,
                limit: rate_limit::HEARTBEATS,
            };
            let heartbeats = AgentMessages::open(&self.registry, &self.metrics, kind);
            if let Some(mut heartbeats) = heartbeats.await {
                while let Some((from, message)) = heartbeats.next().await {
                    self.take_in(from.cluster(), &message).await;
                }
            }
            warn!("cannot subscribe to heartbeats; retrying");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn take_in(&self, cluster: &ClusterName, message: &Message) {
        let now = Moment::now();
        let heartbeat = match read(message) {
            Ok(heartbeat) => heartbeat,
            Err(error) => {
                let what = "sent an invalid or too large heartbeat";
                self.metrics.heard("refused");
                let error = error.as_ref().map(|error| error as _);
                self.registry.protocol_violation(cluster, what, error);
                return;
            }
        };
        self.metrics.heard("taken");
        let ack = HeartbeatAck {
            sequence: heartbeat.sequence,
            received_at: self.journal.now(),
            every_seconds: Some(self.registry.read().heartbeat_interval().as_secs()),
        };
        // Not the message's reply subject: an agent could name another cluster's.
        let answer_to = subject::clock(cluster, &heartbeat.instance);
        self.link.bus.publish(answer_to, json(&ack).into()).await;
        let record = self.registry.change(cluster, |registry, _| {
            registry.observe(cluster.clone(), heartbeat, now)
        });
        if let Some(record) = record {
            info!(%cluster, state = ?record.heartbeat.state, "persisting the record of a cluster");
            let (clusters, cluster) = (self.clusters.clone(), cluster.clone());
            tokio::spawn(async move { clusters.persist(&cluster, &record).await });
        }
    }
}

/// An error without a cause means that the message is too large.
fn read(message: &Message) -> Result<Heartbeat, Option<serde_json::Error>> {
    if message.payload.len() > HEARTBEAT_BYTES {
        return Err(None);
    }
    serde_json::from_slice(&message.payload).map_err(Some)
}
