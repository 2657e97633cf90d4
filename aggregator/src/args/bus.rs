//! The command line of `aggregator bus`.

use std::net::SocketAddr;
use std::path::PathBuf;

use bus_keys::{CredentialName, Member, UserKey};
use bus_schema::ClusterName;
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};

use super::BusLink;

/// The commands of `aggregator bus`.
#[derive(Debug, Subcommand)]
pub enum BusCommand {
    /// Create the keys of a new bus and the configuration of its nats-server.
    Init(BusInit),
    /// Create credentials for a user of the nats CLI.
    Creds(BusCreds),
    /// Revoke one credential of a person, an agent or an aggregator.
    Revoke(BusRevoke),
    /// Renew the aggregator's own credentials.
    Renew(BusRenew),
    /// List the records in JetStream that cannot be read, or delete one of them.
    Records(BusRecords),
}

/// A new bus.
#[derive(Debug, Args)]
pub struct BusInit {
    /// The directory for the keys, in `operator` (store it offline), `server` and `aggregator`. Existing keys are never overwritten.
    pub dir: PathBuf,
    /// The address at which the nats-server will listen.
    #[arg(long, default_value = "127.0.0.1:4222")]
    pub listen: SocketAddr,
    /// The directory in which the nats-server will store its data [default: DIR/store].
    #[arg(long, value_name = "DIR")]
    pub store_dir: Option<PathBuf>,
    /// The nats-server's TLS certificate, followed by any intermediate certificates.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of the TLS certificate.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// The address at which the nats-server will listen for WebSocket, such as `0.0.0.0:443`, with the same certificate. Without a
    /// certificate it must be a loopback address.
    #[arg(long, value_name = "ADDR")]
    pub websocket: Option<SocketAddr>,
    /// A server of a NATS cluster and the address at which the others reach it, such as `n1=nats-1.example:6222`; give it once for each
    /// of three or five servers. Each gets a directory of its name in `server`, and one in --store-dir for its data.
    #[arg(long = "server", value_name = "NAME=HOST:PORT")]
    pub servers: Vec<Member>,
    /// If all keys exist already, leave them unchanged and succeed; for scripts that run at every start.
    #[arg(long)]
    pub keep: bool,
}

/// Credentials for a person.
#[derive(Debug, Args)]
pub struct BusCreds {
    /// The directory `operator` that `aggregator bus init` created.
    #[arg(
        long,
        env = "MCA_OPERATOR_KEYS",
        value_name = "DIR",
        default_value = "bus/operator"
    )]
    pub keys: PathBuf,
    /// The verbs to allow, such as `restart,rollout`; the nats-server refuses all others.
    #[arg(long, value_delimiter = ',', value_parser = verb, requires = "scope", required_unless_present_any = ["admin", "runs"])]
    pub verbs: Vec<&'static str>,
    /// The clusters to allow, by name.
    #[arg(long, value_delimiter = ',', group = "scope", required_unless_present_any = ["all_clusters", "admin", "runs"])]
    pub clusters: Vec<ClusterName>,
    /// Allow all clusters, including future ones.
    #[arg(long, group = "scope", conflicts_with = "clusters")]
    pub all_clusters: bool,
    /// Also allow `nats micro ls`, which shows the names of all clusters.
    #[arg(long)]
    pub list_agents: bool,
    /// Also allow to subscribe to `run.*.event`: the states and counts of all runs. Without `--verbs` nothing else.
    #[arg(long)]
    pub runs: bool,
    /// Allow everything, including streams and buckets: for backups and repairs.
    #[arg(long, conflicts_with_all = ["verbs", "clusters", "all_clusters", "list_agents", "runs"])]
    pub admin: bool,
    /// How long the credentials are valid, such as `8h`.
    #[arg(long, default_value = "8h", value_parser = lifetime)]
    pub expires: SignedDuration,
    /// The holder's name, as the nats-server shows it. Replies arrive under `_INBOX.NAME`, where holders of the same name can read
    /// them [default: generated].
    #[arg(long)]
    pub name: Option<CredentialName>,
    /// Write the credentials to this file, private to its owner [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// A credential to revoke.
#[derive(Debug, Args)]
pub struct BusRevoke {
    /// Its public key, as shown by `bus creds`, `bus renew` and the nats-server's /connz: U and 55 letters and digits.
    pub key: UserKey,
    /// When the credential expires, as shown by `bus creds`, such as 2026-03-01T18:00:00Z: its revocation can be dropped then. Without
    /// this the revocation is permanent and uses up space in a list of limited size.
    #[arg(long, value_name = "TIME")]
    pub expires_at: Option<Timestamp>,
    /// The bus.
    #[command(flatten)]
    pub link: BusLink,
}

/// Records that cannot be read.
#[derive(Debug, Args)]
pub struct BusRecords {
    /// Delete this record, named as in the list. A record that can be read is not deleted.
    #[arg(long, value_name = "BUCKET/KEY")]
    pub delete: Option<String>,
    /// The bus.
    #[command(flatten)]
    pub link: BusLink,
}

/// New credentials for the aggregator.
#[derive(Debug, Args)]
pub struct BusRenew {
    /// The directory `operator` that `aggregator bus init` created.
    #[arg(
        long,
        env = "MCA_OPERATOR_KEYS",
        value_name = "DIR",
        default_value = "bus/operator"
    )]
    pub keys: PathBuf,
    /// The directory `aggregator`, to which the new credentials are written. A running aggregator uses them from its next connection on.
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
        format!("no such verb; use one of {verbs}")
    })
}

fn lifetime(text: &str) -> Result<SignedDuration, String> {
    let duration: SignedDuration = text
        .parse()
        .map_err(|_| "write it like 8h, 30m or 180h, without days".to_owned())?;
    if duration > SignedDuration::ZERO && duration < SignedDuration::from_hours(24 * 400) {
        Ok(duration)
    } else {
        Err("use more than 0 s and less than 400 days".to_owned())
    }
}
