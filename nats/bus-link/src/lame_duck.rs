//! Leaving a server in lame-duck mode.

use std::sync::Arc;

use async_nats::Client;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// A server in lame-duck mode lets its clients choose when to leave. While this value lives, they leave at once, to another server,
/// if there is one. It holds the client, so it must not outlive the client's users.
#[derive(Debug)]
pub struct LameDuckHandler(AbortHandle);

impl LameDuckHandler {
    /// `leaving` is notified for each such announcement.
    #[must_use]
    pub fn spawn(leaving: Arc<Notify>, client: Client) -> Self {
        Self(tokio::spawn(move_on(client, leaving)).abort_handle())
    }
}

impl Drop for LameDuckHandler {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn move_on(client: Client, leaving: Arc<Notify>) {
    loop {
        leaving.notified().await;
        let others = client.server_pool().await.map_or(0, |pool| pool.len());
        if others > 1 && client.force_reconnect().await.is_err() {
            return;
        }
    }
}
