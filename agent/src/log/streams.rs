//! The logs that are being followed: their limit and their connection.

use std::sync::Arc;

use async_nats::Client;
use bus_schema::verb::{LogReply, ReadLog};
use bus_schema::{Fault, FaultCode, StreamId, subject};
use tokio::sync::{OnceCell, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::buffer::Buffer;
use super::containers::Containers;
use super::follow::Follow;
use super::sender::Sender;
use crate::agent::Cx;
use crate::bus::{Bus, Connected, Purpose, connect};
use crate::kubernetes::Belongings;

/// Logs that are followed at the same time; each takes a buffer and a few connections to the API server.
const MAX_STREAMS: usize = 32;

/// Chunks that may wait to be sent.
const QUEUE: usize = 32;

/// The followed logs. Their lines have a separate connection, opened when first needed: on a shared one they would delay small replies.
pub struct Streams {
    bus: Bus,
    requests: Client,
    lines: OnceCell<Connected>,
    permits: Arc<Semaphore>,
    containers: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Streams {
    /// No streams yet. Credit is received over the connection for requests.
    pub fn new(bus: Bus, requests: Client) -> Self {
        Self {
            bus,
            requests,
            lines: OnceCell::new(),
            permits: Arc::new(Semaphore::new(MAX_STREAMS)),
            containers: Containers::of_all(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Follows the log of a workload, and returns the subjects of its lines and credit.
    pub async fn open(
        &self,
        cx: &Cx,
        request: ReadLog,
        workload: Belongings,
    ) -> Result<LogReply, Fault> {
        if self.stop.is_cancelled() {
            return Err(Fault::new(FaultCode::Leaving, "the agent is shutting down"));
        }
        let permit = self.permits.clone().try_acquire_owned().map_err(|_| {
            let message = format!("{MAX_STREAMS} logs are being followed already");
            Fault::new(FaultCode::Busy, message)
        })?;
        let cluster = &self.bus.cluster;
        let id = mint()?;
        let (stream, credit) = (subject::stream(cluster, &id), subject::credit(cluster, &id));
        let buffer = Arc::new(Buffer::default());
        let sender = Sender {
            client: self.lines().await?,
            subject: stream.clone(),
            // On the connection of the reply, and before it: the server processes the subscription before the reader gets the reply.
            credits: self
                .requests
                .subscribe(credit.clone())
                .await
                .map_err(|e| internal(&e))?,
            buffer: buffer.clone(),
            credit: 0,
            sequence: 0,
        };
        let containers = Containers::of_log(self.containers.clone());
        let follow = Follow::new(cx.agent.clone(), request, (buffer, containers), workload);
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            sender.run(follow.run(), stop).await;
            drop(permit);
        });
        Ok(LogReply::Stream { stream, credit })
    }

    /// Ends all streams, each with a last chunk for its reader.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn lines(&self) -> Result<Client, Fault> {
        let connected = || connect(&self.bus, Purpose::Logs, QUEUE);
        let connected = self.lines.get_or_try_init(connected).await;
        connected
            .map(|connected| connected.client.clone())
            .map_err(|error| internal(&error))
    }
}

fn mint() -> Result<StreamId, Fault> {
    let id = format!("{:016x}", rand::random::<u64>());
    id.parse().map_err(|error| internal(&error))
}

fn internal(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(
        FaultCode::Internal,
        format!("the log cannot be followed: {error}"),
    )
}
