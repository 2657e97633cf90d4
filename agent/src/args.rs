//! The command line and its environment.

use std::path::PathBuf;

use bus_link::{BusAddress, LogFormat};
use bus_schema::ClusterName;
use clap::{Parser, Subcommand};

use crate::kubernetes::Access;
use crate::run::{Config, RenewedToken};

/// Answers for one Kubernetes cluster on the bus.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Cli {
    /// What to do instead.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The bus. Not among the arguments below: clap finds no `Option` of what is flattened twice.
    #[command(flatten)]
    pub bus: BusAddress,
    /// How to answer.
    #[command(flatten)]
    pub args: Option<Args>,
}

/// What can be done instead of answering.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a private key for a cluster, and print the request that `aggregator enroll --credential-request` takes: the public key,
    /// signed.
    Keygen {
        /// Where the private key is written; a file that is there already is left as it is.
        file: PathBuf,
        /// The name of the cluster that the request is for.
        cluster: ClusterName,
    },
}

/// How to answer.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The cluster's name on the bus: a DNS-1123 label.
    #[arg(long, env = "MCA_CLUSTER_NAME")]
    pub cluster_name: ClusterName,

    /// The file with the agent's NATS credentials; absent: none are sent. It is read again at each connection.
    #[arg(long, env = "MCA_NATS_CREDS", value_name = "FILE")]
    pub nats_creds: Option<PathBuf>,

    /// The private key that `agent keygen` wrote, where the file of --nats-creds has the token alone.
    #[arg(
        long,
        env = "MCA_NATS_SEED",
        value_name = "FILE",
        requires = "nats_creds"
    )]
    pub nats_seed: Option<PathBuf>,

    /// Where the token of a renewed credential is read, and kept unless there is a ConfigMap [default: the file of --nats-creds with
    /// `.renewed` behind its name].
    #[arg(long, env = "MCA_NATS_RENEWED", value_name = "FILE")]
    pub nats_renewed: Option<PathBuf>,

    /// The ConfigMap of the agent's namespace that is mounted at --nats-renewed: the token is kept there instead.
    #[arg(
        long,
        env = "MCA_NATS_RENEWED_CONFIG_MAP",
        value_name = "NAME",
        requires = "nats_renewed"
    )]
    pub nats_renewed_config_map: Option<String>,

    /// The kubeconfig of the cluster; with neither this nor --context, the pod's ServiceAccount is used.
    #[arg(long, env = "MCA_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// The kubeconfig's context; absent: its current one.
    #[arg(long, env = "MCA_CONTEXT")]
    pub context: Option<String>,

    /// How log lines look.
    #[arg(long, env = "MCA_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
}

impl Args {
    /// What the agent needs to know.
    #[must_use]
    pub fn config(self, bus: BusAddress) -> Config {
        let BusAddress { nats_url, nats_ca } = bus;
        let Self {
            cluster_name,
            nats_creds,
            nats_seed,
            nats_renewed,
            nats_renewed_config_map,
            kubeconfig,
            context,
            log_format: _,
        } = self;
        Config {
            cluster: cluster_name,
            nats_url,
            nats_ca,
            nats_creds,
            nats_seed,
            renewed_token: RenewedToken {
                file: nats_renewed,
                config_map: nats_renewed_config_map,
            },
            kubernetes: Access::new(kubeconfig, context),
        }
    }
}
