//! Messages that come in streams: each is on its way before the next one is made. In the connection's own queue they would grow old, and
//! hold up heartbeats and answers.

use std::time::Duration;

use async_nats::Client;
use serde::Serialize;
use tokio::time::timeout;

const SEND_WITHIN: Duration = Duration::from_secs(5);

/// Publishes `message`, which is `what`, and waits until it is on its way. A failure is logged: the numbers of a stream's messages show
/// what is missing.
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
