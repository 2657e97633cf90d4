//! One connection to NATS, made again whenever it breaks.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use bus_schema::ClusterName;
use tokio::sync::Notify;

use crate::jitter;

/// A connection that fell silent is given up after about three of these.
const PING_EVERY: Duration = Duration::from_secs(10);

/// Requests that wait in each subscription; more are dropped, and their askers time out.
const SUBSCRIPTION_CAPACITY: usize = 1024;

/// Where the bus is, and as whom to go there.
#[derive(Debug, Clone)]
pub struct Bus {
    pub url: String,
    pub creds: Option<PathBuf>,
    pub cluster: ClusterName,
}

/// A connection, and who is told when it stands.
pub struct Connected {
    pub client: Client,
    /// Told each time that the connection stands (again).
    pub stands: Arc<Notify>,
}

/// Connects. Returns at once, whether or not the bus is there: what is sent waits, and attempts go on for ever. `purpose`
/// stands in the connection's name; `queue` is how many messages may wait to be sent.
pub async fn connect(bus: &Bus, purpose: &str, queue: usize) -> Result<Connected> {
    let servers = bus
        .url
        .split(',')
        .map(|url| url.trim().parse::<ServerAddr>())
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("not the address of a NATS server: {}", bus.url))?;
    let options = match &bus.creds {
        None => ConnectOptions::new(),
        Some(file) => ConnectOptions::with_credentials_file(file)
            .await
            .with_context(|| format!("{} has no usable credentials", file.display()))?,
    };
    let stands = Arc::new(Notify::new());
    let leaving = Arc::new(Notify::new());
    let told = (stands.clone(), leaving.clone());
    let client = options
        .name(format!("agent {} {purpose}", bus.cluster))
        .ping_interval(PING_EVERY)
        .client_capacity(queue)
        .subscription_capacity(SUBSCRIPTION_CAPACITY)
        .retry_on_initial_connect()
        .reconnect_delay_callback(jitter::before_attempt)
        .event_callback(move |event| note(event, told.0.clone(), told.1.clone()))
        .connect(servers)
        .await
        .context("no connection to the bus can be made")?;
    tokio::spawn(move_on(client.clone(), leaving));
    Ok(Connected { client, stands })
}

async fn note(event: Event, stands: Arc<Notify>, leaving: Arc<Notify>) {
    match event {
        Event::Connected => {
            tracing::info!("connected to the bus");
            stands.notify_one();
        }
        Event::LameDuckMode => {
            tracing::info!("the bus server is about to stop");
            leaving.notify_one();
        }
        Event::Closed | Event::Draining => tracing::debug!(%event, "bus"),
        event => tracing::warn!(%event, "bus"),
    }
}

/// A server that is about to stop leaves it to its clients when they go; to another one, if there is one.
async fn move_on(client: Client, leaving: Arc<Notify>) {
    loop {
        leaving.notified().await;
        let others = client.server_pool().await.map_or(0, |pool| pool.len());
        if others > 1 && client.force_reconnect().await.is_err() {
            return;
        }
    }
}
