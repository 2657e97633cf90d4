//! The command line. Each flag may also stand in an environment variable; secrets are paths to files.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bus_keys::{CredentialRequest, UserKey};
use bus_link::{BusAddress, LogFormat};
use bus_schema::{ClusterName, LabelKey, LabelValue};
use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;
use jiff::SignedDuration;

use aggregator_http::listener::PER_ADDRESS;
use aggregator_http::public_url::PublicUrl;
use enrolment::{AGENT_CREDENTIAL_LIFETIME_MAX, ImageName};
use labels::parse_label;

mod audit;
mod bus;
mod sign;

pub use audit::{AuditCommand, AuditExport};
pub use bus::{BusCommand, BusCreds, BusInit, BusRecords, BusRenew, BusRevoke};
pub use sign::Sign;

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
    /// Work on the bus: its keys, and who is let in.
    Bus {
        /// What to do.
        #[command(subcommand)]
        command: BusCommand,
    },
    /// Work on the audit.
    Audit {
        /// What to do.
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Let a cluster in: prints one manifest for `kubectl apply -f -`.
    Enroll(Enroll),
    /// Lock a cluster out: its agents are cut off, and it is forgotten.
    Revoke(Revoke),
    /// Sign for a `serve` on this machine, so that the process that serves HTTP holds no signing key.
    Sign(Sign),
    /// Ask a running `serve` or `sign` on this machine whether it can do its work: ends with 0 if so.
    Healthcheck(Healthcheck),
    /// Print the API's OpenAPI document.
    Openapi,
}

/// Whom to ask.
#[derive(Debug, Args)]
pub struct Healthcheck {
    /// Where `serve` listens.
    #[arg(long, env = "MCA_LISTEN", default_value = "127.0.0.1:8000")]
    pub listen: SocketAddr,
    /// Where `sign` listens; it is asked instead.
    #[arg(long, value_name = "SOCKET")]
    pub signer: Option<PathBuf>,
}

/// What can be done about users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Read a password, one line on standard input, and print its Argon2id hash for users.json.
    HashPassword,
}

fn interval(text: &str) -> Result<Duration, String> {
    let wrong = || "write it like 60s or 5m; a second to a day".to_owned();
    let duration: SignedDuration = text.parse().map_err(|_| wrong())?;
    let day = Duration::from_hours(24);
    let duration = Duration::try_from(duration).map_err(|_| wrong())?;
    let is_one = (Duration::from_secs(1)..=day).contains(&duration);
    is_one.then_some(duration).ok_or_else(wrong)
}

fn credential_lifetime(text: &str) -> Result<Duration, String> {
    let wrong =
        || "write it like 2160h or 12h, without days; an hour to 400 days of 24h".to_owned();
    let duration: SignedDuration = text.parse().map_err(|_| wrong())?;
    let duration = Duration::try_from(duration).map_err(|_| wrong())?;
    let is_one = (Duration::from_hours(1)..=AGENT_CREDENTIAL_LIFETIME_MAX).contains(&duration);
    is_one.then_some(duration).ok_or_else(wrong)
}

/// How the bus is reached with the aggregator's keys.
#[derive(Debug, Args)]
pub struct BusLink {
    /// The bus.
    #[command(flatten)]
    pub bus: BusAddress,
    /// The directory `aggregator` that `aggregator bus init` made.
    #[arg(
        long,
        env = "MCA_BUS_KEYS",
        value_name = "DIR",
        default_value = "bus/aggregator"
    )]
    pub bus_keys: PathBuf,
    /// The socket of `aggregator sign`, as for `serve`.
    #[arg(long, env = "MCA_SIGNER", value_name = "SOCKET")]
    pub signer: Option<PathBuf>,
    /// Replicas of what is kept in JetStream, as for `serve`.
    #[arg(
        long,
        env = "MCA_JETSTREAM_REPLICAS",
        default_value_t = 1,
        value_name = "N"
    )]
    pub jetstream_replicas: usize,
}

/// A cluster to let in.
#[derive(Debug, Args)]
pub struct Enroll {
    /// The cluster's name: a DNS-1123 label.
    pub cluster: ClusterName,
    /// What `agent keygen FILE CLUSTER` printed: then only the token is made, and printed.
    #[arg(long, value_name = "REQUEST")]
    pub credential_request: Option<CredentialRequest>,
    /// Write the agent's credentials to this new file, private to its owner, and print no manifest.
    #[arg(long, value_name = "FILE", conflicts_with = "credential_request")]
    pub creds_out: Option<PathBuf>,
    /// Where that file is there already, leave it and succeed; for what runs at every start.
    #[arg(long, requires = "creds_out")]
    pub keep: bool,
    /// The nats-server as the cluster reaches it [default: --nats-url].
    #[arg(long, env = "MCA_AGENT_NATS_URL", value_name = "URL")]
    pub agent_nats_url: Option<String>,
    /// The CA that the manifests are to give the clusters [default: --nats-ca].
    #[arg(long, env = "MCA_AGENT_NATS_CA", value_name = "FILE")]
    pub agent_nats_ca: Option<PathBuf>,
    /// The agent's image.
    #[arg(long, env = "MCA_AGENT_IMAGE", default_value = AGENT_IMAGE, value_name = "IMAGE")]
    pub agent_image: ImageName,
    /// A label of the cluster, beside those that it has, such as `env=prod`; can be repeated.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = parse_label)]
    pub labels: Vec<(LabelKey, LabelValue)>,
    /// Of agents' credentials.
    #[command(flatten)]
    pub agent_credentials: AgentCredentials,
    /// The bus.
    #[command(flatten)]
    pub link: BusLink,
}

/// A cluster to revoke.
#[derive(Debug, Args)]
pub struct Revoke {
    /// The cluster's name.
    pub cluster: ClusterName,
    /// Only the credential with this public key.
    #[arg(long, value_name = "KEY")]
    pub key: Option<UserKey>,
    /// The bus.
    #[command(flatten)]
    pub link: BusLink,
}

const AGENT_IMAGE: &str = concat!("multi-cluster-aggregator/agent:", env!("CARGO_PKG_VERSION"));

/// How to serve.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// Where to listen.
    #[arg(long, env = "MCA_LISTEN", default_value = "127.0.0.1:8000")]
    pub listen: SocketAddr,
    /// How this service is reached from elsewhere, for links that people pass on [default: http:// and --listen].
    #[arg(long, env = "MCA_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<PublicUrl>,
    /// Give out what joins clusters, with its private keys, though the public URL is `http://` and not of this machine.
    #[arg(long, env = "MCA_ALLOW_INSECURE_LINKS", default_value_t = false, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub allow_insecure_links: bool,
    /// The bus.
    #[command(flatten)]
    pub bus: BusAddress,
    /// The credentials for it, a file as `nsc` and `nats` write it [default: those in --bus-keys].
    #[arg(long, env = "MCA_NATS_CREDS", value_name = "FILE")]
    pub nats_creds: Option<PathBuf>,
    /// The directory `aggregator` that `aggregator bus init` made. Without it no clusters can be let in or revoked.
    #[arg(long, env = "MCA_BUS_KEYS", value_name = "DIR")]
    pub bus_keys: Option<PathBuf>,
    /// The socket of `aggregator sign`, which signs instead of this process: --bus-keys needs no operator-signing.nk and no agent-scope.nk then.
    #[arg(long, env = "MCA_SIGNER", value_name = "SOCKET", requires = "bus_keys")]
    pub signer: Option<PathBuf>,
    /// The nats-server as the clusters reach it, for the manifests that join them [default: --nats-url].
    #[arg(long, env = "MCA_AGENT_NATS_URL", value_name = "URL")]
    pub agent_nats_url: Option<String>,
    /// The CA that the manifests are to give the clusters [default: --nats-ca].
    #[arg(long, env = "MCA_AGENT_NATS_CA", value_name = "FILE")]
    pub agent_nats_ca: Option<PathBuf>,
    /// The agent's image, for the same.
    #[arg(long, env = "MCA_AGENT_IMAGE", default_value = AGENT_IMAGE, value_name = "IMAGE")]
    pub agent_image: ImageName,
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
    /// Connections of one IPv4 address, or IPv6 network of 64 bits, at a time; trusted proxies may have all there are.
    #[arg(
        long,
        env = "MCA_CONNECTIONS_PER_ADDRESS",
        default_value_t = PER_ADDRESS,
        value_name = "N"
    )]
    pub connections_per_address: usize,
    /// Replicas of what is kept in JetStream: 3 with three or more servers.
    #[arg(
        long,
        env = "MCA_JETSTREAM_REPLICAS",
        default_value_t = 1,
        value_name = "N"
    )]
    pub jetstream_replicas: usize,
    /// How often a cluster whose deployments change is read, so that they can be shown as they were when it is away, such as `60s`.
    #[arg(
        long,
        env = "MCA_INVENTORY_INTERVAL",
        value_name = "TIME",
        default_value = "60s",
        value_parser = interval
    )]
    pub inventory_interval: Duration,
    /// Of agents' credentials.
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

/// What `serve` and `enroll` ask for, and `sign` allows at most.
#[derive(Debug, Clone, Copy, Args)]
pub struct AgentCredentials {
    /// How long agents' credentials are good for, such as `2160h`, which is 90 days: an hour to 400 days. Agents renew them over the bus before that.
    #[arg(
        long = "agent-credential-lifetime",
        env = "MCA_AGENT_CREDENTIAL_LIFETIME",
        value_name = "TIME",
        default_value = "2160h",
        value_parser = credential_lifetime
    )]
    pub lifetime: Duration,
}
