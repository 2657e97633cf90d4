//! `aggregator sign`.

use std::path::PathBuf;

use bus_link::LogFormat;
use clap::Args;

use super::AgentCredentials;

/// The signing keys, and the socket to serve them on.
#[derive(Debug, Args)]
pub struct Sign {
    /// The Unix domain socket to listen on, open to this user and its group. A leftover socket without a listener is replaced.
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
    /// The longest lifetime of agents' credentials, whatever `serve` requests.
    #[command(flatten)]
    pub agent_credentials: AgentCredentials,
    /// The format of the log.
    #[arg(
        long,
        env = "MCA_LOG_FORMAT",
        default_value = "text",
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
}
