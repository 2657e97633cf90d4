//! The signals that end the program in good order.

use tokio::signal::unix::{SignalKind, signal};

/// Resolves on SIGTERM or SIGINT; never, with a word in the log, where signals cannot be heard.
pub async fn signalled() {
    let heard = async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok::<(), std::io::Error>(())
    };
    if let Err(error) = heard.await {
        tracing::error!(%error, "signals cannot be heard");
        std::future::pending::<()>().await;
    }
}
