//! How the API server is reached: in-cluster or with a kubeconfig, both of which reload a token file when it changes; or with an
//! existing client.

use std::path::PathBuf;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Response, StatusCode, header::RETRY_AFTER};
use http_body_util::{BodyExt, Full};
use hyper_util::client::proxy::matcher::Matcher;
use kube::client::DynBody;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;
use text_input::TextError;

use super::Kubernetes;
use super::connection::{self, IDLE_WITHIN};

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
        let (config, proxy) = match self {
            Self::InCluster => {
                let config = kube::Config::incluster()
                    .context("not running in a cluster: give a kubeconfig with --kubeconfig")?;
                // The way from a pod to its own API server leads through no proxy.
                (config, None)
            }
            Self::Kubeconfig { file, context } => from_kubeconfig(file, context)
                .await
                .map(|(config, proxy)| (config, Some(proxy)))?,
            Self::Client(client) => return Ok(Kubernetes::new(client)),
        };
        // kube would retry writes too; `ask` retries what may be retried, within its deadline.
        let client = connection::client(&config, proxy.as_ref(), IDLE_WITHIN, keep_retry_after)
            .context("cannot create a Kubernetes client from the configuration")?;
        Ok(Kubernetes::new(client))
    }
}

/// The configuration, and the proxy on the way.
async fn from_kubeconfig(
    file: Option<PathBuf>,
    context: Option<String>,
) -> Result<(kube::Config, Matcher)> {
    let named = file.as_ref().map(|file| file.display().to_string());
    let named = named.unwrap_or_else(|| "the kubeconfig".to_owned());
    let kubeconfig = read(file).with_context(|| format!("{named} cannot be read"))?;
    let proxy = connection::proxy(own_proxy(&kubeconfig, context.as_deref()));
    let options = KubeConfigOptions {
        context,
        ..KubeConfigOptions::default()
    };
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let config = config.with_context(|| format!("{named} cannot be used"))?;
    Ok((config, proxy))
}

/// The file, or else the usual ones.
fn read(file: Option<PathBuf>) -> Result<Kubeconfig> {
    let Some(file) = file else {
        return Ok(Kubeconfig::read()?);
    };
    // kube decodes UTF-16 and byte order marks, but passes on what cannot be seen.
    if let Err(error @ TextError::Invisible { .. }) = text_input::decode(&std::fs::read(&file)?) {
        return Err(error.into());
    }
    Ok(Kubeconfig::read_from(&file)?)
}

/// The `proxy-url` of the context's cluster.
fn own_proxy<'a>(kubeconfig: &'a Kubeconfig, context: Option<&'a str>) -> Option<&'a str> {
    let name = context.or(kubeconfig.current_context.as_deref())?;
    let context = kubeconfig.contexts.iter().find(|it| it.name == name)?;
    let name = &context.context.as_ref()?.cluster;
    let cluster = kubeconfig.clusters.iter().find(|it| it.name == *name)?;
    let url = cluster.cluster.as_ref()?.proxy_url.as_deref()?;
    Some(url).filter(|url| !url.is_empty())
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
            config.map(|(config, _)| config.cluster_url.to_string())
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

    fn proxy_of(proxy_url: &str, context: Option<&str>) -> Option<String> {
        let text = KUBECONFIG.replace(
            "    server:",
            &format!("    proxy-url: {proxy_url}\n    server:"),
        );
        let kubeconfig = Kubeconfig::from_yaml(&text).unwrap();
        own_proxy(&kubeconfig, context).map(str::to_owned)
    }

    #[test]
    fn the_proxy_of_the_contexts_cluster_is_found() {
        let url = "socks5://127.0.0.1:1080";
        assert_eq!(proxy_of(url, None).as_deref(), Some(url));
        assert_eq!(proxy_of(url, Some("a")).as_deref(), Some(url));
        assert_eq!(proxy_of(url, Some("b")), None);
        assert_eq!(proxy_of("\"\"", None), None);
    }
}
