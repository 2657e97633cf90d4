//! The flags of `serve` for its connections and for the proxies in front of it.

use std::time::Duration;

use aggregator_http::listener::{IDLE_WITHIN, PER_ADDRESS, SHORTEST_IDLE_WITHIN};
use aggregator_http::origin::Origin;
use clap::Args;
use ipnet::IpNet;
use jiff::SignedDuration;

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
    /// How long a connection may stay open without a request, and a request without progress, such as `120s`: from 65 s to 1 h. Longer than that of
    /// the proxy in front, which is 60 s for nginx and AWS.
    #[arg(
        long,
        env = "MCA_IDLE_TIMEOUT",
        value_name = "TIME",
        default_value = "120s",
        value_parser = idle_timeout
    )]
    pub idle_timeout: Duration,
}

fn idle_timeout(text: &str) -> Result<Duration, String> {
    let wrong = || "write it like 120s or 5m; from 65 s to 1 h".to_owned();
    let duration: SignedDuration = text.parse().map_err(|_| wrong())?;
    let duration = Duration::try_from(duration).map_err(|_| wrong())?;
    let is_one = (SHORTEST_IDLE_WITHIN..=Duration::from_hours(1)).contains(&duration);
    is_one.then_some(duration).ok_or_else(wrong)
}

impl Default for Http {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            trusted_origins: Vec::new(),
            connections_per_address: PER_ADDRESS,
            idle_timeout: IDLE_WITHIN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_idle_timeout_outlasts_responses_and_by_default_the_proxies() {
        #[derive(clap::Parser)]
        struct Flags {
            #[command(flatten)]
            http: Http,
        }
        let parsed = |flags: &[&str]| {
            let flags = ["serve"].iter().chain(flags);
            <Flags as clap::Parser>::try_parse_from(flags).map(|flags| flags.http.idle_timeout)
        };
        assert_eq!(parsed(&[]).ok(), Some(IDLE_WITHIN));
        assert!(IDLE_WITHIN >= Duration::from_secs(75));
        let five_minutes = Some(Duration::from_secs(300));
        assert_eq!(parsed(&["--idle-timeout", "5m"]).ok(), five_minutes);
        for text in ["0s", "64s", "61m", "120", "-120s", ""] {
            assert!(parsed(&["--idle-timeout", text]).is_err(), "{text}");
        }
    }
}
