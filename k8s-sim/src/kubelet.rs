//! A simulated node for a real API server in tests, the only test double there. It accepts every pod, lets it become ready (or not,
//! depending on its image), removes it when it is deleted, and serves its log.

mod logs;
mod node;
mod pods;
mod tls;

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::clock::Clock;

/// Stops when it is dropped.
pub struct Kubelet {
    _shutdown: DropGuard,
}

#[derive(Debug, thiserror::Error)]
pub enum KubeletFailed {
    #[error("cannot make the node's certificate")]
    CertificateFailed(#[from] rcgen::Error),
    #[error("cannot use the node's certificate")]
    TlsFailed(#[from] rustls::Error),
    #[error("cannot listen for log requests")]
    ListenFailed(#[from] std::io::Error),
    #[error("cannot register the node")]
    RegistrationFailed(#[from] kube::Error),
}

impl Kubelet {
    /// Registers the node and starts to run pods, ten times faster than a real node.
    pub async fn start(client: Client) -> Result<Self, KubeletFailed> {
        Self::at_speed(client, 10.0).await
    }

    pub async fn at_speed(client: Client, speed: f64) -> Result<Self, KubeletFailed> {
        let clock = Clock::fast(speed);
        let shutdown = CancellationToken::new();
        let listener = tls::Listener::bind().await?;
        let port = listener.port()?;
        let logs = logs::router(client.clone(), clock.clone());
        node::register(&client, port).await?;
        let tasks = [
            tokio::spawn(async move { drop(axum::serve(listener, logs).await) }),
            tokio::spawn(node::keep_ready(client.clone())),
            tokio::spawn(pods::take_all(client, clock)),
        ];
        let stopped = shutdown.clone();
        tokio::spawn(async move {
            stopped.cancelled().await;
            for task in tasks {
                task.abort();
            }
        });
        Ok(Self {
            _shutdown: shutdown.drop_guard(),
        })
    }
}

fn is_ending(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}
