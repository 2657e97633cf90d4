//! One connection to NATS, made again whenever it breaks.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::{Client, ConnectOptions, Event};
use bus_link::{LameDuckHandler, Servers, is_told_elsewhere};
use bus_schema::{ClusterName, InstanceId};
use tokio::sync::Notify;

use super::credential::{Credential, Refusals};
use super::heartbeat_interval::HeartbeatInterval;
use crate::jitter;

/// A connection that fell silent is given up after about three of these.
const PING_EVERY: Duration = Duration::from_secs(10);

/// Messages that wait in each subscription; more are dropped, and their requesters time out. Of what persons send, to 8 verbs and on 9
/// subjects of the services convention, 17 × 256 × 8 KiB = 34 MiB wait at most. What the aggregator sends is small.
const SUBSCRIPTION_CAPACITY: usize = 256;

/// Where the bus is, and as whom to go there.
#[derive(Debug, Clone)]
pub struct Bus {
    pub servers: Servers,
    pub credential: Option<Credential>,
    pub cluster: ClusterName,
    /// Which agent of the cluster: stands in the connection's name, so that the aggregator learns of its end from the server.
    pub instance: InstanceId,
    pub heartbeat_interval: HeartbeatInterval,
}

/// A connection, and who is told when it stands.
pub struct Connected {
    pub client: Client,
    /// Told each time that the connection stands (again).
    pub stands: Arc<Notify>,
    /// By which it is also made again.
    pub heartbeat_interval: HeartbeatInterval,
    /// Kept for as long as the client is used.
    _lame_duck: LameDuckHandler,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Everything but logs. While it stands, the agent is there.
    Requests,
    /// The lines of followed logs.
    Logs,
}

/// Connects. Returns at once, whether or not the bus is there: what is sent waits, and attempts go on forever. `queue` is
/// how many messages may wait to be sent.
pub async fn connect(bus: &Bus, purpose: Purpose, queue: usize) -> Result<Connected> {
    let options = match bus.credential.clone() {
        None => ConnectOptions::new(),
        Some(credential) => {
            credential.read().await?;
            let credential = Arc::new(credential);
            ConnectOptions::with_auth_callback(move |nonce| {
                let credential = credential.clone();
                async move { credential.answer(&nonce).await }
            })
        }
    };
    let name = match purpose {
        Purpose::Requests => format!("agent {} requests {}", bus.cluster, bus.instance),
        Purpose::Logs => format!("agent {} logs", bus.cluster),
    };
    let stands = Arc::new(Notify::new());
    let leaving = Arc::new(Notify::new());
    let heartbeat_interval = bus.heartbeat_interval.clone();
    let notes = Arc::new(Notes {
        stands: stands.clone(),
        leaving: leaving.clone(),
        refusals: Refusals::default(),
        credential: bus.credential.clone(),
    });
    let client = bus
        .servers
        .apply(options)
        .name(name)
        .ping_interval(PING_EVERY)
        .client_capacity(queue)
        .subscription_capacity(SUBSCRIPTION_CAPACITY)
        .retry_on_initial_connect()
        .reconnect_delay_callback(move |attempt| {
            jitter::before_attempt(attempt, heartbeat_interval.spread())
        })
        .event_callback(move |event| {
            let notes = notes.clone();
            async move { notes.take(event).await }
        })
        .connect(bus.servers.addresses())
        .await
        .context("no connection to the bus can be made")?;
    Ok(Connected {
        _lame_duck: LameDuckHandler::spawn(leaving, client.clone()),
        client,
        stands,
        heartbeat_interval: bus.heartbeat_interval.clone(),
    })
}

struct Notes {
    stands: Arc<Notify>,
    leaving: Arc<Notify>,
    refusals: Refusals,
    credential: Option<Credential>,
}

impl Notes {
    async fn take(&self, event: Event) {
        if self.refusals.note(&event, self.credential.as_ref()).await {
            return;
        }
        match event {
            event if is_told_elsewhere(&event) => tracing::debug!(%event, "bus"),
            Event::Connected => {
                tracing::info!("connected to the bus");
                self.stands.notify_one();
            }
            Event::LameDuckMode => {
                tracing::info!("the bus server is about to stop");
                self.leaving.notify_one();
            }
            Event::Closed | Event::Draining => tracing::debug!(%event, "bus"),
            event => tracing::warn!(%event, "bus"),
        }
    }
}
