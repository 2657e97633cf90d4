//! Publishes the changes of the cluster's workloads. A change that cannot be published is counted too, so that subscribers notice the
//! gap.

use std::sync::Arc;

use async_nats::Client;
use async_nats::connection::State;
use bus_schema::{WorkloadChanges, WorkloadRef, WorkloadView, subject};

use super::publisher;
use crate::agent::Agent;
use crate::cache::{Item, split};

/// Changes that are processed in one batch.
const MOST: usize = 256;

/// The size of a message without its changes.
const FRAME_BYTES: usize = 512;

/// Bytes of changes in one message.
const BATCH_BYTES: usize = WorkloadChanges::<Item>::BYTES - FRAME_BYTES;

/// Publishes changes.
pub struct Feed {
    client: Client,
    agent: Arc<Agent>,
    subject: String,
}

/// The content of one message.
#[derive(Default)]
struct Batch {
    changed: Vec<Item>,
    gone: Vec<WorkloadRef>,
    bytes: usize,
}

impl Feed {
    /// Publishes nothing before it is run.
    pub fn new(client: Client, agent: Arc<Agent>) -> Self {
        let subject = subject::workload_changes(&agent.cluster);
        Self {
            client,
            agent,
            subject,
        }
    }

    /// Publishes changes forever.
    pub async fn run(self) {
        loop {
            let keys = self.agent.caches.changes.next(MOST).await;
            let mut batch = Batch::default();
            for key in keys {
                self.add(&mut batch, &key).await;
            }
            self.send(batch).await;
        }
    }

    /// Adds a workload as it is in the cache now; sends the batch first if the workload does not fit into it.
    async fn add(&self, batch: &mut Batch, key: &str) {
        let entry = self.agent.caches.workloads.get(key);
        let bytes = entry.as_ref().map_or(key.len() + 64, |e| e.bytes() + 1);
        if batch.bytes + bytes > BATCH_BYTES {
            self.send(std::mem::take(batch)).await;
        }
        match entry {
            Some(_) if bytes > BATCH_BYTES => {
                tracing::warn!(
                    ?key,
                    bytes,
                    "a change does not fit into a message and is not published"
                );
                self.agent.caches.changes.count(1);
                return;
            }
            Some(entry) => batch.changed.push(Item(entry)),
            None => batch.gone.extend(gone(key)),
        }
        batch.bytes += bytes;
    }

    async fn send(&self, batch: Batch) {
        let changes = (batch.changed.len() + batch.gone.len()) as u64;
        if changes == 0 {
            return;
        }
        let message = WorkloadChanges {
            instance: self.agent.instance.clone(),
            sequence: self.agent.caches.changes.count(changes),
            changed: batch.changed,
            gone: batch.gone,
        };
        // Without a connection it would wait in the queue and delay newer messages.
        if self.client.connection_state() != State::Connected {
            return;
        }
        publisher::publish(&self.client, &self.subject, &message, "changes").await;
    }
}

/// The names were well-formed before they became a key.
fn gone(key: &str) -> Option<WorkloadRef> {
    let (namespace, name, kind) = split(key);
    Some(WorkloadRef {
        namespace: namespace.parse().ok()?,
        kind,
        name: name.parse().ok()?,
    })
}
