//! One connection to the bus that reconnects whenever it breaks, and its log.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ConnectError, ConnectOptions, Event};
use tokio::sync::Notify;

use crate::backoff;
use crate::lame_duck::LameDuckHandler;
use crate::servers::Servers;
use crate::trouble::is_logged_elsewhere;

/// A silent connection is closed after about three of these.
const PING_EVERY: Duration = Duration::from_secs(10);

/// Whether an event of the connection was logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// It is already logged.
    Logged,
    /// It must be logged as usual.
    Unlogged,
}

/// Connects. Returns at once, whether or not the bus is reachable: attempts continue indefinitely. `spread` is the time over which
/// the clients of a large fleet spread what all would do at the same moment; `observe` sees each event before it is logged. The
/// handler is held as long as the client is used.
///
/// # Errors
/// When the options cannot be used.
pub async fn connect<F>(
    servers: &Servers,
    options: ConnectOptions,
    spread: impl Fn() -> Duration + Send + Sync + 'static,
    observe: impl Fn(Event) -> F + Send + Sync + 'static,
) -> Result<(Client, LameDuckHandler), ConnectError>
where
    F: Future<Output = Observed> + Send + Sync + 'static,
{
    let leaving = Arc::new(Notify::new());
    let notify = leaving.clone();
    let connecting = servers
        .apply(options)
        .ping_interval(PING_EVERY)
        .retry_on_initial_connect()
        .reconnect_delay_callback(move |attempt| backoff::before_attempt(attempt, spread()))
        .event_callback(move |event| {
            if matches!(event, Event::LameDuckMode) {
                notify.notify_one();
            }
            let observed = observe(event.clone());
            async move {
                if observed.await == Observed::Unlogged {
                    log(&event);
                }
            }
        })
        .connect(servers.addresses());
    // On the heap: it is large.
    let client = Box::pin(connecting).await?;
    let lame_duck = LameDuckHandler::spawn(leaving, client.clone());
    Ok((client, lame_duck))
}

fn log(event: &Event) {
    match event {
        event if is_logged_elsewhere(event) => tracing::debug!(%event, "bus"),
        Event::Connected => tracing::info!("connected to the bus"),
        Event::LameDuckMode => tracing::info!("the nats-server is shutting down (lame duck mode)"),
        Event::Closed | Event::Draining => tracing::debug!(%event, "bus"),
        event => tracing::warn!(%event, "bus"),
    }
}
