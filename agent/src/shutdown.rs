//! The signals that shut the program down gracefully.

use tokio::signal::unix::{SignalKind, signal};

/// Resolves on SIGTERM or SIGINT; never, with an error in the log, if signals cannot be handled.
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
        tracing::error!(%error, "cannot listen for signals");
        std::future::pending::<()>().await;
    }
}
