//! A connection to NATS that is re-established whenever it breaks.

use std::sync::Arc;

use anyhow::{Context, Result};
use async_nats::{Client, ConnectOptions, Event};
use bus_link::{LameDuckHandler, Observed, Servers};
use bus_schema::{ClusterName, InstanceId};
use tokio::sync::Notify;

use super::credential::{Credential, Refusals};
use super::heartbeat_interval::HeartbeatInterval;

/// Messages that wait in each subscription; more are dropped, and their requesters time out. Requests of persons, for 8 verbs and on 9
/// subjects of the services convention, take at most 17 × 256 × 8 KiB = 34 MiB. What the aggregator sends is small.
const SUBSCRIPTION_CAPACITY: usize = 256;

/// The address of the bus, and the credential for it.
#[derive(Debug, Clone)]
pub struct Bus {
    pub servers: Servers,
    pub credential: Option<Credential>,
    pub cluster: ClusterName,
    /// The agent's instance id: part of the connection's name, so that the aggregator learns from the server when the connection ends.
    pub instance: InstanceId,
    pub heartbeat_interval: HeartbeatInterval,
}

/// A connection, and a notification each time that it is established.
pub struct Connected {
    pub client: Client,
    /// Notified each time that the connection is established.
    pub stands: Arc<Notify>,
    /// The credential, also used to reconnect.
    pub heartbeat_interval: HeartbeatInterval,
    /// Must live as long as the client is used.
    _lame_duck: LameDuckHandler,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Everything but logs. While it is connected, the agent counts as present.
    Requests,
    /// The lines of followed logs.
    Logs,
}

/// Connects. Returns immediately, even if the bus is unreachable: messages are queued and connection attempts continue forever. `queue`
/// is the maximum number of queued messages.
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
    let options = options
        .name(name)
        .client_capacity(queue)
        .subscription_capacity(SUBSCRIPTION_CAPACITY);
    let heartbeat_interval = bus.heartbeat_interval.clone();
    let stands = Arc::new(Notify::new());
    let observer = Arc::new(Observer {
        stands: stands.clone(),
        refusals: Refusals::default(),
        credential: bus.credential.clone(),
    });
    let observe = move |event| {
        let observer = observer.clone();
        async move { observer.observe(event).await }
    };
    let spread = move || heartbeat_interval.spread();
    let connected = bus_link::connect(&bus.servers, options, spread, observe).await;
    let (client, lame_duck) = connected.context("cannot connect to the bus")?;
    Ok(Connected {
        client,
        stands,
        heartbeat_interval: bus.heartbeat_interval.clone(),
        _lame_duck: lame_duck,
    })
}

struct Observer {
    stands: Arc<Notify>,
    refusals: Refusals,
    credential: Option<Credential>,
}

impl Observer {
    async fn observe(&self, event: Event) -> Observed {
        if self.refusals.note(&event, self.credential.as_ref()).await {
            return Observed::Logged;
        }
        if matches!(event, Event::Connected) {
            self.stands.notify_one();
        }
        Observed::Unlogged
    }
}
