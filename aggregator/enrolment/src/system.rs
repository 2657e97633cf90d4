//! The system account of the nats-server: reads and updates the token of the fleet's account, and receives its connection events.

use std::time::Duration;

use async_nats::{Message, Subscriber};
use bus_keys::{Identity, Token};
use bus_schema::InstanceId;
use serde::Deserialize;

use super::EnrolmentError;
use registry::ConnectionEvent;
use storage::bus::Bus;

/// How long a bucket or the system account may take to answer. Each writes to disk first, which can take seconds on a busy disk, and
/// enrolment is rare enough that no queue builds up meanwhile.
pub(super) const WITHIN: Duration = Duration::from_secs(10);

/// A connection to the system account.
#[derive(Debug, Clone)]
pub struct System {
    bus: Bus,
    fleet: String,
}

impl System {
    pub(super) fn new(bus: Bus, fleet: String) -> Self {
        Self { bus, fleet }
    }

    /// Whether the connection is up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.bus.is_up()
    }

    /// The largest message that the server accepts.
    pub(super) fn message_limit(&self) -> usize {
        self.bus.client().max_payload()
    }

    /// The token of the fleet's account.
    pub(super) async fn account(&self) -> Result<String, EnrolmentError> {
        let subject = format!("$SYS.REQ.ACCOUNT.{}.CLAIMS.LOOKUP", self.fleet);
        let reply = self.bus.request(subject, "".into(), WITHIN).await?;
        Ok(String::from_utf8_lossy(&reply.payload).into_owned())
    }

    /// Replaces that token. Clients that it revokes are disconnected when this returns.
    pub(super) async fn update(&self, token: &Token) -> Result<(), EnrolmentError> {
        let subject = "$SYS.REQ.CLAIMS.UPDATE".to_owned();
        let payload = token.as_str().to_owned().into();
        let reply = self.bus.request(subject, payload, WITHIN).await?;
        let said: Said = serde_json::from_slice(&reply.payload)
            .map_err(|error| EnrolmentError::Refused(error.to_string()))?;
        match said.error {
            None => Ok(()),
            Some(error) => Err(EnrolmentError::Refused(error.description)),
        }
    }

    /// Subscribes to the connects and the disconnects of the fleet's account; `None` while the bus is unavailable.
    pub async fn connection_events(&self) -> Option<(Subscriber, Subscriber)> {
        let subject = |event| format!("$SYS.ACCOUNT.{}.{event}", self.fleet);
        let connects = self.bus.subscribe(&subject("CONNECT")).await?;
        let disconnects = self.bus.subscribe(&subject("DISCONNECT")).await?;
        Some((connects, disconnects))
    }
}

/// Reads an event of the system account; `None` for a client that is not an agent.
#[must_use]
pub fn read_connection_event(message: &Message, identity: &Identity) -> Option<ConnectionEvent> {
    let Event { server, client } = serde_json::from_slice(&message.payload).ok()?;
    // Such as "agent cluster-a requests 1c2b…"; an agent's connection for logs has no instance in its name.
    let instance = client.name.strip_prefix("agent ")?;
    let instance = instance.split(' ').nth(2)?.to_owned();
    Some(ConnectionEvent {
        cluster: identity.agent_in(&client.jwt)?,
        instance: InstanceId::try_from(instance).ok()?,
        connection: (server.id, client.id),
    })
}

#[derive(Deserialize)]
struct Said {
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct Event {
    server: Server,
    client: Client,
}

#[derive(Deserialize)]
struct Server {
    id: String,
}

#[derive(Deserialize)]
struct Client {
    id: u64,
    #[serde(default)]
    name: String,
    #[serde(default)]
    jwt: String,
}
