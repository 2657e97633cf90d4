//! The command line of `aggregator bus`.

use std::net::SocketAddr;
use std::path::PathBuf;

use bus_keys::{CredentialName, Member, UserKey};
use bus_schema::ClusterName;
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};

use super::BusLink;

/// What can be done about the bus.
#[derive(Debug, Subcommand)]
pub enum BusCommand {
    /// Make the keys of a new bus, and the configuration of its nats-server.
    Init(BusInit),
    /// Make credentials for a person with the nats CLI.
    Creds(BusCreds),
    /// Revoke one credential, no matter who holds it: a person, an agent, an aggregator.
    Revoke(BusRevoke),
    /// Make the aggregator's own credentials anew.
    Renew(BusRenew),
    /// List the records in JetStream that cannot be read, or delete one of them.
    Records(BusRecords),
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
    /// Whose they are, as the nats-server shows it. Replies come in under `_INBOX.NAME`: who has the same name can read them
    /// [default: made up].
    #[arg(long)]
    pub name: Option<CredentialName>,
    /// Write them here, private; else to standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// A credential to revoke.
#[derive(Debug, Args)]
pub struct BusRevoke {
    /// Its public key, as `bus creds`, `bus renew` and the nats-server's /connz show it: U and 55 letters and digits.
    pub key: UserKey,
    /// When it expires, as `bus creds` says it, such as 2026-03-01T18:00:00Z: it need not be revoked any longer. Without that it is so
    /// without end, and takes its place in a list that can become full.
    #[arg(long, value_name = "TIME")]
    pub expires_at: Option<Timestamp>,
    /// The bus.
    #[command(flatten)]
    pub link: BusLink,
}

/// Records that cannot be read.
#[derive(Debug, Args)]
pub struct BusRecords {
    /// Delete this one, as the list names it. One that can be read is left as it is.
    #[arg(long, value_name = "BUCKET/KEY")]
    pub delete: Option<String>,
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
        .map_err(|_| "write it like 8h, 30m or 180h, without days".to_owned())?;
    if duration > SignedDuration::ZERO && duration < SignedDuration::from_hours(24 * 400) {
        Ok(duration)
    } else {
        Err("more than nothing, and at most 400 days".to_owned())
    }
}
