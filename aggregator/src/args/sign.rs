//! `aggregator sign`.

use std::path::PathBuf;

use bus_link::LogFormat;
use clap::Args;

use super::AgentCredentials;

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
    /// Of agents' credentials, whatever `serve` asks for.
    #[command(flatten)]
    pub agent_credentials: AgentCredentials,
    /// How the log is written.
    #[arg(
        long,
        env = "MCA_LOG_FORMAT",
        default_value = "text",
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
}
