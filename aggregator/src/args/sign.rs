//! `aggregator sign`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{LogFormat, credential_lifetime};

/// What signs, and where it listens.
#[derive(Debug, Args)]
pub struct Sign {
    /// Where to listen: a Unix domain socket for this user and its group. One that nobody listens on is replaced.
    #[arg(long, env = "MCA_SIGNER", value_name = "SOCKET")]
    pub signer: PathBuf,
    /// A directory with identity.json, operator-signing.nk and agent-scope.nk, such as `aggregator` of `aggregator bus init`.
    #[arg(
        long,
        env = "MCA_BUS_KEYS",
        value_name = "DIR",
        default_value = "bus/aggregator"
    )]
    pub bus_keys: PathBuf,
    /// How long agents' credentials are good for at most, whatever `serve` asks for.
    #[arg(
        long,
        env = "MCA_AGENT_CREDENTIAL_LIFETIME",
        value_name = "TIME",
        default_value = "2160h",
        value_parser = credential_lifetime
    )]
    pub agent_credential_lifetime: Duration,
    /// How the log is written.
    #[arg(
        long,
        env = "MCA_LOG_FORMAT",
        default_value = "text",
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
}
