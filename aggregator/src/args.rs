//! The command line. Each flag may also stand in an environment variable; secrets are paths to files.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bus_keys::{Label, Member, UserKey};
use bus_schema::ClusterName;
use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;
use jiff::SignedDuration;

use crate::enrolment::ImageName;
use crate::public_url::PublicUrl;

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
    /// Let a cluster in: prints one manifest for `kubectl apply -f -`.
    Enroll(Enroll),
    /// Lock a cluster out: its agents are cut off, and it is forgotten.
    Revoke(Revoke),
    /// Ask a running `serve` on this machine whether it can do its work: ends with 0 if so.
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
}

/// What can be done about users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Read a password, one line on standard input, and print its Argon2id hash for users.json.
    HashPassword,
}

/// What can be done about the bus.
#[derive(Debug, Subcommand)]
pub enum BusCommand {
    /// Make the keys of a new bus, and the configuration of its nats-server.
    Init(BusInit),
    /// Make credentials for a person with the nats CLI.
    Creds(BusCreds),
    /// Lock out one credential, whoever holds it: a person, an agent, an aggregator.
    Revoke(BusRevoke),
    /// Make the aggregator's own credentials anew.
    Renew(BusRenew),
}

/// A new bus.
#[derive(Debug, Args)]
pub struct BusInit {
    /// Where to put the keys: `operator` (keep it off line), `server` and `aggregator`. What is there is never written over.
    pub dir: PathBuf,
    /// Where the nats-server will listen.
    #[arg(long, default_value = "127.0.0.1:4222")]
    pub listen: SocketAddr,
    /// Where the nats-server will keep its data [default: DIR/store].
    #[arg(long, value_name = "DIR")]
    pub store_dir: Option<PathBuf>,
    /// The nats-server's TLS certificate, with those between it and the CA.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of the TLS certificate.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Where the nats-server will listen for WebSocket, such as `0.0.0.0:443`; with the same certificate, without which it may be
    /// loopback alone.
    #[arg(long, value_name = "ADDR")]
    pub websocket: Option<SocketAddr>,
    /// One server of a cluster, and where the others reach it, as `n1=nats-1.example:6222`; once for each, of which there are three
    /// or more. Each gets a directory in `server`, and its data go to one of its name in --store-dir.
    #[arg(long = "server", value_name = "NAME=HOST:PORT")]
    pub servers: Vec<Member>,
    /// Where all keys are there already, leave them and succeed; for what runs at every start.
    #[arg(long)]
    pub keep: bool,
}

/// Credentials for a person.
#[derive(Debug, Args)]
pub struct BusCreds {
    /// The directory `operator` that `aggregator bus init` made.
    #[arg(
        long,
        env = "MCA_OPERATOR_KEYS",
        value_name = "DIR",
        default_value = "bus/operator"
    )]
    pub keys: PathBuf,
    /// The verbs, such as `restart,rollout`; everything else the nats-server refuses.
    #[arg(long, value_delimiter = ',', value_parser = verb, required_unless_present = "admin")]
    pub verbs: Vec<&'static str>,
    /// The clusters, by name.
    #[arg(long, value_delimiter = ',', required_unless_present_any = ["all_clusters", "admin"])]
    pub clusters: Vec<ClusterName>,
    /// All clusters, those to come included.
    #[arg(long, conflicts_with = "clusters")]
    pub all_clusters: bool,
    /// Also `nats micro ls`, which shows the names of all clusters.
    #[arg(long)]
    pub list_agents: bool,
    /// Everything, streams and buckets included: for backups and repairs.
    #[arg(long, conflicts_with_all = ["verbs", "clusters", "all_clusters", "list_agents"])]
    pub admin: bool,
    /// How long they are good for, such as `8h`.
    #[arg(long, default_value = "8h", value_parser = lifetime)]
    pub expires: SignedDuration,
    /// Whose they are, as the nats-server shows it [default: made up].
    #[arg(long)]
    pub name: Option<Label>,
    /// Where replies come in; whoever has the same prefix can read them [default: `_INBOX_` and the name].
    #[arg(long)]
    pub inbox_prefix: Option<Label>,
    /// Write them here, private; else to standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// A credential to lock out.
#[derive(Debug, Args)]
pub struct BusRevoke {
    /// Its public key, as `bus creds`, `bus renew` and the nats-server's /connz show it: U and 55 letters and digits.
    pub key: UserKey,
    /// The bus.
    #[command(flatten)]
    pub link: BusLink,
}

/// New credentials for the aggregator.
#[derive(Debug, Args)]
pub struct BusRenew {
    /// The directory `operator` that `aggregator bus init` made.
    #[arg(
        long,
        env = "MCA_OPERATOR_KEYS",
        value_name = "DIR",
        default_value = "bus/operator"
    )]
    pub keys: PathBuf,
    /// The directory `aggregator`, where the new credentials are put. A running aggregator takes them at its next connection.
    #[arg(
        long,
        env = "MCA_BUS_KEYS",
        value_name = "DIR",
        default_value = "bus/aggregator"
    )]
    pub bus_keys: PathBuf,
}

fn verb(text: &str) -> Result<&'static str, String> {
    bus_keys::Permit::verb(text).ok_or_else(|| {
        let verbs = bus_keys::Permit::all_verbs().join(", ");
        format!("there is no such verb; there are {verbs}")
    })
}

fn lifetime(text: &str) -> Result<SignedDuration, String> {
    let duration: SignedDuration = text
        .parse()
        .map_err(|_| "write it like 8h, 30m or 7d 12h".to_owned())?;
    if duration > SignedDuration::ZERO && duration < SignedDuration::from_hours(24 * 400) {
        Ok(duration)
    } else {
        Err("more than nothing, and at most 400 days".to_owned())
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let wrong = || "write it like 60s or 5m; a second to a day".to_owned();
    let duration: SignedDuration = text.parse().map_err(|_| wrong())?;
    let day = Duration::from_hours(24);
    let duration = Duration::try_from(duration).map_err(|_| wrong())?;
    let is_one = (Duration::from_secs(1)..=day).contains(&duration);
    is_one.then_some(duration).ok_or_else(wrong)
}

/// How the bus is reached with the aggregator's keys.
#[derive(Debug, Args)]
pub struct BusLink {
    /// The nats-server, as `tls://HOST:4222`; several are separated by commas.
    #[arg(long, env = "MCA_NATS_URL", default_value = "nats://127.0.0.1:4222")]
    pub nats_url: String,
    /// The CA that signed the nats-server's certificate, if it is a private one. No other is trusted then, and nothing is said
    /// without TLS.
    #[arg(long, env = "MCA_NATS_CA", value_name = "FILE")]
    pub nats_ca: Option<PathBuf>,
    /// The directory `aggregator` that `aggregator bus init` made.
    #[arg(
        long,
        env = "MCA_BUS_KEYS",
        value_name = "DIR",
        default_value = "bus/aggregator"
    )]
    pub bus_keys: PathBuf,
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
    /// The public key that `agent keygen` printed: then only the token is made, and printed.
    #[arg(long, value_name = "KEY")]
    pub public_key: Option<UserKey>,
    /// Write the agent's credentials to this new file, private to its owner, and print no manifest.
    #[arg(long, value_name = "FILE", conflicts_with = "public_key")]
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
    /// The bus.
    #[command(flatten)]
    pub link: BusLink,
}

/// A cluster to lock out.
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
    /// The nats-server, as `tls://HOST:4222`; several are separated by commas.
    #[arg(long, env = "MCA_NATS_URL", default_value = "nats://127.0.0.1:4222")]
    pub nats_url: String,
    /// The CA that signed the nats-server's certificate, if it is a private one. No other is trusted then, and nothing is said
    /// without TLS.
    #[arg(long, env = "MCA_NATS_CA", value_name = "FILE")]
    pub nats_ca: Option<PathBuf>,
    /// The credentials for it, a file as `nsc` and `nats` write it [default: those in --bus-keys].
    #[arg(long, env = "MCA_NATS_CREDS", value_name = "FILE")]
    pub nats_creds: Option<PathBuf>,
    /// The directory `aggregator` that `aggregator bus init` made. Without it no clusters can be let in or locked out.
    #[arg(long, env = "MCA_BUS_KEYS", value_name = "DIR")]
    pub bus_keys: Option<PathBuf>,
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
