//! The flags of `serve` for its connections and for the proxies in front of it.

use aggregator_http::listener::PER_ADDRESS;
use aggregator_http::origin::Origin;
use clap::Args;
use ipnet::IpNet;

/// Who may connect how often, and what is believed of proxies.
#[derive(Debug, Clone, Args)]
pub struct Http {
    /// Networks of proxies whose `X-Forwarded-For` is trusted, such as `10.0.0.0/8`; none by default.
    #[arg(
        long,
        env = "MCA_TRUSTED_PROXIES",
        value_delimiter = ',',
        value_name = "CIDR"
    )]
    pub trusted_proxies: Vec<IpNet>,
    /// Further origins whose pages may use the session cookie, such as `https://fleet.example:8443`, for proxies that do not pass `Host` on
    /// unchanged. The origins of `Host` and of --public-url always may.
    #[arg(
        long,
        alias = "trusted-origin",
        env = "MCA_TRUSTED_ORIGINS",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    pub trusted_origins: Vec<Origin>,
    /// Most simultaneous connections of one IPv4 address or IPv6 /64 network; trusted proxies are exempt.
    #[arg(
        long,
        env = "MCA_CONNECTIONS_PER_ADDRESS",
        default_value_t = PER_ADDRESS,
        value_name = "N"
    )]
    pub connections_per_address: usize,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            trusted_origins: Vec::new(),
            connections_per_address: PER_ADDRESS,
        }
    }
}
