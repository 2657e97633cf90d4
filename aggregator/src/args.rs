//! The command line. Each flag may also stand in an environment variable; secrets are paths to files.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;

/// One API for the deployments of every Kubernetes cluster.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API.
    Serve(Serve),
    /// Work on users.
    User {
        /// What to do.
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Print the API's OpenAPI document.
    Openapi,
}

/// What can be done about users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Read a password, one line on standard input, and print its Argon2id hash for users.json.
    HashPassword,
}

/// How to serve.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// Where to listen.
    #[arg(long, env = "MCA_LISTEN", default_value = "127.0.0.1:8000")]
    pub listen: SocketAddr,
    /// The NATS server.
    #[arg(long, env = "MCA_NATS_URL", default_value = "nats://127.0.0.1:4222")]
    pub nats_url: String,
    /// The credentials for it, a file as `nsc` and `nats` write it.
    #[arg(long, env = "MCA_NATS_CREDS", value_name = "FILE")]
    pub nats_creds: Option<PathBuf>,
    /// The users and their grants. Made with one administrator if there is none.
    #[arg(long, env = "MCA_USERS", value_name = "FILE")]
    pub users: PathBuf,
    /// The built web UI.
    #[arg(long, env = "MCA_UI_DIR", value_name = "DIR")]
    pub ui_dir: Option<PathBuf>,
    /// Whether browsers send the session only over HTTPS (or to localhost).
    #[arg(long, env = "MCA_COOKIE_SECURE", default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub cookie_secure: bool,
    /// Networks of proxies whose `X-Forwarded-For` is believed, such as `10.0.0.0/8`; none by default.
    #[arg(
        long,
        env = "MCA_TRUSTED_PROXIES",
        value_delimiter = ',',
        value_name = "CIDR"
    )]
    pub trusted_proxies: Vec<IpNet>,
    /// Replicas of what is kept in JetStream: 3 with three or more servers.
    #[arg(
        long,
        env = "MCA_JETSTREAM_REPLICAS",
        default_value_t = 1,
        value_name = "N"
    )]
    pub jetstream_replicas: usize,
    /// How the log is written.
    #[arg(
        long,
        env = "MCA_LOG_FORMAT",
        default_value = "text",
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
