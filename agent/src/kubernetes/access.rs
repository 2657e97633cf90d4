//! How the API server is reached: in-cluster or with a kubeconfig, both of which reload a token file when it changes; or with an
//! existing client.

use std::path::PathBuf;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Response, StatusCode, header::RETRY_AFTER};
use http_body_util::{BodyExt, Full};
use kube::client::{ClientBuilder, DynBody};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;
use text_input::TextError;
use tower::util::MapResponseLayer;

use super::Kubernetes;

/// Where the API server's address and the credentials come from.
#[derive(Clone)]
pub enum Access {
    /// The ServiceAccount of this pod.
    InCluster,
    /// A kubeconfig; without a file the usual one, without a context its current one.
    Kubeconfig {
        /// The file.
        file: Option<PathBuf>,
        /// The context.
        context: Option<String>,
    },
    /// An existing client, for a process with many agents: it must not retry calls by itself.
    Client(kube::Client),
}

impl Access {
    /// By kubeconfig if any part of it is given, else in-cluster.
    pub fn new(file: Option<PathBuf>, context: Option<String>) -> Self {
        if file.is_none() && context.is_none() {
            Self::InCluster
        } else {
            Self::Kubeconfig { file, context }
        }
    }

    /// Makes a client; nothing is sent yet.
    pub async fn open(self) -> Result<Kubernetes> {
        let mut config = match self {
            Self::InCluster => kube::Config::incluster()
                .context("not running in a cluster: give a kubeconfig with --kubeconfig")?,
            Self::Kubeconfig { file, context } => from_kubeconfig(file, context).await?,
            Self::Client(client) => return Ok(Kubernetes::new(client)),
        };
        // kube would retry writes too; `ask` retries what may be retried, within its deadline.
        config.default_retry = false;
        let client = ClientBuilder::try_from(config)
            .context("cannot create a Kubernetes client from the configuration")?
            .with_layer(&MapResponseLayer::new(keep_retry_after))
            .build();
        Ok(Kubernetes::new(client))
    }
}

async fn from_kubeconfig(file: Option<PathBuf>, context: Option<String>) -> Result<kube::Config> {
    let options = KubeConfigOptions {
        context,
        ..KubeConfigOptions::default()
    };
    let Some(file) = file else {
        return kube::Config::from_kubeconfig(&options)
            .await
            .context("the kubeconfig cannot be used");
    };
    let read = || {
        // kube decodes UTF-16 and byte order marks, but passes on what cannot be seen.
        if let Err(error @ TextError::Invisible { .. }) = text_input::decode(&std::fs::read(&file)?)
        {
            return Err(error.into());
        }
        anyhow::Ok(Kubeconfig::read_from(&file)?)
    };
    let kubeconfig = read().with_context(|| format!("{} cannot be read", file.display()))?;
    kube::Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .with_context(|| format!("{} cannot be used", file.display()))
}

/// kube passes on the body of an error response but drops its headers, and the API server's own 429 has a plain-text body: so the
/// header is copied into the body, where `ask` finds it.
fn keep_retry_after(response: Response<Box<DynBody>>) -> Response<Box<DynBody>> {
    if response.status() != StatusCode::TOO_MANY_REQUESTS {
        return response;
    }
    let seconds = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u32>().ok());
    let status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": "the API server asks to slow down",
        "reason": "TooManyRequests",
        "code": StatusCode::TOO_MANY_REQUESTS.as_u16(),
        "details": { "retryAfterSeconds": seconds.unwrap_or(1) },
    });
    let body = Full::new(Bytes::from(status.to_string()));
    let body: Box<DynBody> = Box::new(body.map_err(|never| match never {}));
    let mut slowed = Response::new(body);
    *slowed.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    slowed
}

#[cfg(test)]
mod tests {
    use super::*;

    const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\nclusters:\n- name: a\n  cluster:\n    server: https://10.0.0.1:6443\n\
        users:\n- name: a\n  user:\n    token: secret\ncontexts:\n- name: a\n  context:\n    cluster: a\n    user: a\ncurrent-context: a\n";

    #[tokio::test]
    async fn a_kubeconfig_from_windows_is_read_or_refused_by_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kubeconfig");
        let read = async |bytes: Vec<u8>| {
            std::fs::write(&file, bytes).unwrap();
            let config = from_kubeconfig(Some(file.clone()), None).await;
            config.map(|config| config.cluster_url.to_string())
        };
        let windows = format!("\u{feff}{}", KUBECONFIG.replace('\n', "\r\n"));
        let utf16 = windows.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [windows.into_bytes(), utf16] {
            assert_eq!(read(bytes).await.unwrap(), "https://10.0.0.1:6443/");
        }
        let hidden = KUBECONFIG.replace("secret", "secret\u{200b}");
        let refused = format!("{:#}", read(hidden.into_bytes()).await.unwrap_err());
        let expected = "line 10, column 18: delete the invisible character U+200B";
        assert!(refused.contains(expected), "{refused}");
    }
}
