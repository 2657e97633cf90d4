//! The log of agents and aggregator: to standard error, filtered by MCA_LOG.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

mod repeats;

use repeats::RepeatLimit;

/// The format of the log. MCA_LOG sets the level, `info` by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people at a terminal.
    Text,
    /// One JSON object per line, with control characters escaped.
    Json,
}

/// The client library's own lines are turned off: each of them is also an event, which [`connect`](crate::connect) logs.
const DEFAULT: &str = "info,async_nats=off";

impl LogFormat {
    /// Starts logging to standard error. Of each kind of warning or error, 20 a minute are written, and then their number.
    pub fn install(self) {
        let filter = EnvFilter::builder().with_env_var("MCA_LOG").try_from_env();
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new(DEFAULT)))
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr);
        let limit = RepeatLimit::default();
        match self {
            Self::Text => log.finish().with(limit.clone()).init(),
            Self::Json => {
                let log = log.json().flatten_event(true).finish();
                log.with(limit.clone()).init();
            }
        }
        limit.sum_up();
    }
}
