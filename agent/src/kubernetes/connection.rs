//! The HTTP client of the API server: its pool, and the proxies on the way. kube's own pool has no timer, so it never closes a connection, and
//! kube compares NO_PROXY with the proxy's address.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{HeaderValue, Response, Uri};
use http_body_util::BodyExt;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{Builder, Client};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::Config;
use kube::client::{Body, ClientBuilder, ConfigExt, DynBody};
use tower::util::MapResponseLayer;
use tower::{BoxError, ServiceBuilder};

/// Connections that stay open between calls. A burst of calls opens as many as there are calls at once.
const IDLE_CONNECTIONS: usize = 8;

/// As Go's client, which kubectl is built with.
pub(super) const IDLE_WITHIN: Duration = Duration::from_secs(90);

/// A proxy for a kubeconfig: its own, to which NO_PROXY does not apply, or else that of the environment.
pub(super) fn proxy(own: Option<&str>) -> Matcher {
    match own {
        Some(url) => Matcher::builder().all(url.to_owned()).build(),
        None if exempts_all() => Matcher::builder().build(),
        None => Matcher::from_env(),
    }
}

/// Whether NO_PROXY has `*`, which the library compares with names alone, and not with addresses.
fn exempts_all() -> bool {
    let value = ["NO_PROXY", "no_proxy"].map(std::env::var);
    let value = value.into_iter().find_map(Result::ok).unwrap_or_default();
    value.split(',').any(|entry| entry.trim() == "*")
}

/// A client that does not retry, and goes through the proxy if that is for the API server's address.
pub(super) fn client(
    config: &Config,
    proxy: Option<&Matcher>,
    idle_within: Duration,
    change: fn(Response<Box<DynBody>>) -> Response<Box<DynBody>>,
) -> Result<kube::Client> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(config.connect_timeout);
    let pool = pool(idle_within);
    let Some(proxy) = proxy.and_then(|proxy| proxy.intercept(&config.cluster_url)) else {
        let https = config.rustls_https_connector_with_connector(http)?;
        return over(config, pool.build(https), change);
    };
    match proxy.uri().scheme_str() {
        Some("http") => {
            let https = config.rustls_https_connector_with_connector(tunnel(&proxy, http))?;
            over(config, pool.build(https), change)
        }
        Some("socks5" | "socks5h") => {
            let socks = socks(&proxy, http);
            let https = config.rustls_https_connector_with_connector(socks)?;
            over(config, pool.build(https), change)
        }
        other => bail!(
            "the API server would be reached through a proxy by {}; only http and socks5 are supported",
            other.unwrap_or("an unknown protocol")
        ),
    }
}

fn pool(idle_within: Duration) -> Builder {
    let mut pool = Client::builder(TokioExecutor::new());
    pool.pool_timer(TokioTimer::new())
        .pool_idle_timeout(idle_within)
        .pool_max_idle_per_host(IDLE_CONNECTIONS);
    pool
}

fn tunnel(proxy: &Intercept, http: HttpConnector) -> Tunnel<HttpConnector> {
    let tunnel = Tunnel::new(proxy.uri().clone(), http);
    match proxy.basic_auth() {
        Some(credentials) => tunnel.with_auth(HeaderValue::clone(credentials)),
        None => tunnel,
    }
}

/// The proxy resolves names, as with kubectl.
fn socks(proxy: &Intercept, http: HttpConnector) -> SocksV5<HttpConnector> {
    let uri: Uri = proxy.uri().clone();
    let socks = SocksV5::new(uri, http);
    match proxy.raw_auth() {
        Some((user, password)) => socks.with_auth(user.to_owned(), password.to_owned()),
        None => socks,
    }
}

/// The layers that kube has, without its own retries.
fn over<C>(
    config: &Config,
    client: Client<C, Body>,
    change: fn(Response<Box<DynBody>>) -> Response<Box<DynBody>>,
) -> Result<kube::Client>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let auth = config.auth_layer();
    let service = ServiceBuilder::new()
        .layer(MapResponseLayer::new(change))
        .layer(MapResponseLayer::new(boxed))
        .layer(config.base_uri_layer())
        .option_layer(auth.context("the kubeconfig's credentials cannot be used")?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(client);
    Ok(ClientBuilder::new(service, config.default_namespace.clone()).build())
}

fn boxed<B>(response: Response<B>) -> Response<Box<DynBody>>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    response.map(|body| Box::new(body.map_err(Into::into)) as Box<DynBody>)
}

#[cfg(test)]
mod tests;
