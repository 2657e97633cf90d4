//! The client address of a request: the peer of the connection, unless that is a trusted proxy.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use tracing::warn;

use crate::app::App;
use crate::problem_response::ProblemResponse;
use crate::trusted_proxies::Ignored;
use diagnostics::{Problem, ProblemCode};

/// The client address of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<App> for ClientAddress {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ProblemResponse> {
        let ConnectInfo(peer) = ConnectInfo::<SocketAddr>::from_request_parts(parts, app)
            .await
            .map_err(|_| Problem::new(ProblemCode::Internal, "the connection has no address"))?;
        let proxies = &app.trusted_proxies;
        match proxies.to_be_named(peer.ip(), &parts.headers) {
            Some(Ignored::Untrusted) => warn!(
                peer = %peer.ip(),
                "this peer sends X-Forwarded-For or Forwarded but is not a trusted proxy: the header is ignored, and all clients behind it count \
                 as one address; if it is your ingress, add its address to --trusted-proxies (MCA_TRUSTED_PROXIES)"
            ),
            Some(Ignored::Unread) => warn!(
                peer = %peer.ip(),
                "this proxy of --trusted-proxies sends Forwarded, which is not read, and no X-Forwarded-For: all clients behind it count as \
                 one address; let it send X-Forwarded-For"
            ),
            None => {}
        }
        Ok(Self(proxies.client(peer.ip(), &parts.headers)))
    }
}
