//! The command line. Flags can also be set by environment variables; secrets are paths to files.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bus_keys::{CredentialRequest, UserKey};
use bus_link::{BusAddress, LogFormat};
use bus_schema::{AllowedVerbs, ClusterName, LabelKey, LabelValue, Pattern};
use clap::{Args, Parser, Subcommand};
use jiff::SignedDuration;

use aggregator_http::public_url::PublicUrl;
use enrolment::ImageName;
use labels::parse_label;

mod audit;
mod bus;
mod credentials;
mod http;
mod notifications;
mod sign;

pub use audit::{AuditCommand, AuditExport};
pub use bus::{BusCommand, BusCreds, BusInit, BusRecords, BusRenew, BusRevoke};
pub use credentials::AgentCredentials;
pub use http::Http;
pub use notifications::{NotificationsCheck, NotificationsCommand};
pub use sign::Sign;

/// One API for the deployments of every Kubernetes cluster.
#[derive(Debug, Parser)]
#[command(version = concat!(env!("CARGO_PKG_VERSION"), " (commit ", env!("MCA_COMMIT"), ")"))]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API.
    Serve(Serve),
    /// Manage users.
    User {
        /// The command.
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Manage the bus: its keys, and who may connect.
    Bus {
        /// The command.
        #[command(subcommand)]
        command: BusCommand,
    },
    /// Manage the audit.
    Audit {
        /// The command.
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Manage the webhooks that are notified of runs.
    Notifications {
        /// The command.
        #[command(subcommand)]
        command: NotificationsCommand,
    },
    /// Enroll a cluster: prints a manifest for `kubectl apply -f -`.
    Enroll(Enroll),
    /// Revoke a cluster's credentials: its agents are disconnected, and the cluster is removed.
    Revoke(Revoke),
    /// Sign tokens for a `serve` on this machine, so that the process that serves HTTP holds no signing key.
    Sign(Sign),
    /// Check that a `serve` or `sign` on this machine is ready: exits with 0 if so.
    Healthcheck(Healthcheck),
    /// Print the API's OpenAPI document.
    Openapi,
}

/// The process to check.
#[derive(Debug, Args)]
pub struct Healthcheck {
    /// The address at which `serve` listens.
    #[arg(long, env = "MCA_LISTEN", default_value = "127.0.0.1:8000")]
    pub listen: SocketAddr,
    /// The socket of `sign`, to check that instead of `serve`.
    #[arg(long, value_name = "SOCKET")]
    pub signer: Option<PathBuf>,
}

/// The commands of `aggregator user`.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Read a password, one line on standard input, and print its Argon2id hash for users.json.
    HashPassword,
}

fn interval(text: &str) -> Result<Duration, String> {
    let wrong = || "write it like 60s or 5m; from 1 s to 24 h".to_owned();
    let duration: SignedDuration = text.parse().map_err(|_| wrong())?;
    let day = Duration::from_hours(24);
    let duration = Duration::try_from(duration).map_err(|_| wrong())?;
    let is_one = (Duration::from_secs(1)..=day).contains(&duration);
    is_one.then_some(duration).ok_or_else(wrong)
}

/// The connection to the bus, with the aggregator's keys.
#[derive(Debug, Args)]
pub struct BusLink {
    /// The bus.
    #[command(flatten)]
    pub bus: BusAddress,
    /// The directory `aggregator` that `aggregator bus init` created.
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
    /// Replicas of each stream and bucket in JetStream, as for `serve`.
    #[arg(
        long,
        env = "MCA_JETSTREAM_REPLICAS",
        default_value_t = 1,
        value_name = "N"
    )]
    pub jetstream_replicas: usize,
}

/// A cluster to enroll.
#[derive(Debug, Args)]
pub struct Enroll {
    /// The cluster's name: a DNS-1123 label.
    pub cluster: ClusterName,
    /// The output of `agent keygen FILE CLUSTER`: then only a token for its key is made and printed.
    #[arg(long, value_name = "REQUEST")]
    pub credential_request: Option<CredentialRequest>,
    /// Write the agent's credentials to this new file, private to its owner, and print no manifest.
    #[arg(long, value_name = "FILE", conflicts_with = "credential_request")]
    pub creds_out: Option<PathBuf>,
    /// If that file exists already, leave it unchanged and succeed; for scripts that run at every start.
    #[arg(long, requires = "creds_out")]
    pub keep: bool,
    /// The address at which the cluster reaches the nats-server [default: --nats-url].
    #[arg(long, env = "MCA_AGENT_NATS_URL", value_name = "URL")]
    pub agent_nats_url: Option<String>,
    /// The CA to put into manifests for clusters [default: --nats-ca].
    #[arg(long, env = "MCA_AGENT_NATS_CA", value_name = "FILE")]
    pub agent_nats_ca: Option<PathBuf>,
    /// The agent's image.
    #[arg(long, env = "MCA_AGENT_IMAGE", default_value = AGENT_IMAGE, value_name = "IMAGE")]
    pub agent_image: ImageName,
    /// The changes that the cluster's agent may make, separated by commas, such as `restart,pause,resume,scale,undo`; empty: none.
    #[arg(long, default_value_t, value_name = "VERBS")]
    pub verbs: AllowedVerbs,
    /// A label to add to the cluster, such as `env=prod`; can be repeated.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = parse_label)]
    pub labels: Vec<(LabelKey, LabelValue)>,
    /// The lifetime of agents' credentials.
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
    /// Revoke only the credential with this public key.
    #[arg(long, value_name = "KEY")]
    pub key: Option<UserKey>,
    /// The bus.
    #[command(flatten)]
    pub link: BusLink,
}

const AGENT_IMAGE: &str = concat!("multi-cluster-aggregator/agent:", env!("CARGO_PKG_VERSION"));

/// The flags of `aggregator serve`.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// The address to listen on.
    #[arg(long, env = "MCA_LISTEN", default_value = "127.0.0.1:8000")]
    pub listen: SocketAddr,
    /// The URL at which users reach this service; used in links and manifests [default: http:// and --listen]. With a path, such as
    /// `https://tools.example/fleet`, for a proxy that publishes it in that folder.
    #[arg(long, env = "MCA_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<PublicUrl>,
    /// Issue manifests and links that join clusters, with their private keys, even if the public URL is `http://` on another machine.
    #[arg(long, env = "MCA_ALLOW_INSECURE_LINKS", default_value_t = false, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub allow_insecure_links: bool,
    /// The bus.
    #[command(flatten)]
    pub bus: BusAddress,
    /// The credentials for the bus, in the format of `nsc` and `nats` [default: those in --bus-keys].
    #[arg(long, env = "MCA_NATS_CREDS", value_name = "FILE")]
    pub nats_creds: Option<PathBuf>,
    /// The directory `aggregator` that `aggregator bus init` created. Without it clusters can be neither enrolled nor revoked.
    #[arg(long, env = "MCA_BUS_KEYS", value_name = "DIR")]
    pub bus_keys: Option<PathBuf>,
    /// The socket of `aggregator sign`, which then signs instead of this process: --bus-keys needs no operator-signing.nk and no agent-scope.nk.
    #[arg(long, env = "MCA_SIGNER", value_name = "SOCKET", requires = "bus_keys")]
    pub signer: Option<PathBuf>,
    /// The address at which clusters reach the nats-server, for manifests [default: --nats-url].
    #[arg(long, env = "MCA_AGENT_NATS_URL", value_name = "URL")]
    pub agent_nats_url: Option<String>,
    /// The CA to put into manifests for clusters [default: --nats-ca].
    #[arg(long, env = "MCA_AGENT_NATS_CA", value_name = "FILE")]
    pub agent_nats_ca: Option<PathBuf>,
    /// The agent's image, for manifests.
    #[arg(long, env = "MCA_AGENT_IMAGE", default_value = AGENT_IMAGE, value_name = "IMAGE")]
    pub agent_image: ImageName,
    /// The file of users and their grants. If it does not exist, it is created with one administrator.
    #[arg(long, env = "MCA_USERS", value_name = "FILE")]
    pub users: PathBuf,
    /// The directory of the built web UI.
    #[arg(long, env = "MCA_UI_DIR", value_name = "DIR")]
    pub ui_dir: Option<PathBuf>,
    /// Whether browsers send the session cookie only over HTTPS (or to localhost).
    #[arg(long, env = "MCA_COOKIE_SECURE", default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub cookie_secure: bool,
    /// Connections and proxies.
    #[command(flatten)]
    pub http: Http,
    /// Clusters in which each change has to be confirmed by the cluster's name: names in which `*` stands for any characters.
    #[arg(
        long,
        env = "MCA_PROTECTED_CLUSTERS",
        value_delimiter = ',',
        value_name = "PATTERN"
    )]
    pub protected_clusters: Vec<Pattern>,
    /// Namespaces in which each change has to be confirmed by the cluster's name, likewise.
    #[arg(
        long,
        env = "MCA_PROTECTED_NAMESPACES",
        value_delimiter = ',',
        value_name = "PATTERN"
    )]
    pub protected_namespaces: Vec<Pattern>,
    /// Replicas of each stream and bucket in JetStream: use 3 with three or more servers.
    #[arg(
        long,
        env = "MCA_JETSTREAM_REPLICAS",
        default_value_t = 1,
        value_name = "N"
    )]
    pub jetstream_replicas: usize,
    /// How often the deployments of a cluster are saved while they change, such as `60s`; the saved state is shown when the cluster is offline.
    #[arg(
        long,
        env = "MCA_INVENTORY_INTERVAL",
        value_name = "TIME",
        default_value = "60s",
        value_parser = interval
    )]
    pub inventory_interval: Duration,
    /// A file of webhooks that are notified when a run waits for an approval, is paused or has ended. It is read once, at the start.
    #[arg(long, env = "MCA_NOTIFICATIONS", value_name = "FILE")]
    pub notifications: Option<PathBuf>,
    /// The lifetime of agents' credentials.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;

    /// The chart refuses all others as misspelt.
    #[test]
    fn the_chart_knows_every_setting() {
        let schema = include_str!("../../k8s/chart/values.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let names = "/properties/aggregator/properties/settings/propertyNames/enum";
        let names = schema.pointer(names).unwrap().as_array().unwrap().iter();
        let names: BTreeSet<&str> = names.map(|name| name.as_str().unwrap()).collect();
        let command = Cli::command();
        let commands = ["serve", "sign"].map(|name| command.find_subcommand(name).unwrap());
        let arguments = commands.into_iter().flat_map(clap::Command::get_arguments);
        let variables = arguments.filter_map(|argument| argument.get_env()?.to_str());
        // Read by the log.
        let variables: BTreeSet<&str> = variables.chain(["MCA_LOG"]).collect();
        assert_eq!(names, variables, "k8s/chart/values.schema.json");
    }
}
