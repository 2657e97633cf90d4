//! Publishes messages of streams one at a time: each is sent before the next one is built. In the connection's queue they would become
//! stale and delay heartbeats and replies.

use std::time::Duration;

use async_nats::Client;
use serde::Serialize;
use tokio::time::timeout;

const SEND_WITHIN: Duration = Duration::from_secs(5);

/// Publishes `message`, described by `what` in logs, and waits until it is sent. A failure is only logged: subscribers notice lost
/// messages by their numbers.
pub async fn publish(client: &Client, subject: &str, message: &impl Serialize, what: &str) {
    let Ok(payload) = serde_json::to_vec(message) else {
        tracing::error!(what, "cannot serialize a message");
        return;
    };
    let sent = async {
        client.publish(subject.to_owned(), payload.into()).await?;
        client.flush().await.map_err(async_nats::Error::from)
    };
    match timeout(SEND_WITHIN, sent).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(what, error, "cannot publish a message"),
        Err(_) => tracing::warn!(what, "cannot publish a message in time"),
    }
}
