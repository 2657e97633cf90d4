//! The command line and its environment.

use std::path::PathBuf;

use bus_link::{BusAddress, LogFormat};
use bus_schema::{AllowedVerbs, ClusterName};
use clap::{Parser, Subcommand};

use crate::kubernetes::Access;
use crate::rollout_limit;
use crate::run::{Config, RenewedToken};

/// Serves one Kubernetes cluster on the bus.
#[derive(Debug, Parser)]
#[command(
    version = concat!(env!("CARGO_PKG_VERSION"), " (commit ", env!("MCA_COMMIT"), ")"),
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Cli {
    /// A command to run instead of the agent.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The bus. Not among the arguments below: with clap, an optional group cannot contain another flattened group.
    #[command(flatten)]
    pub bus: BusAddress,
    /// The flags of the agent.
    #[command(flatten)]
    pub args: Option<Args>,
}

/// The other commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a private key for a cluster, and print the signed public key, for `aggregator enroll --credential-request`.
    Keygen {
        /// The file for the private key; an existing file is not overwritten.
        file: PathBuf,
        /// The name of the cluster that the request is for.
        cluster: ClusterName,
    },
}

/// The flags of the agent.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The cluster's name on the bus: a DNS-1123 label.
    #[arg(long, env = "MCA_CLUSTER_NAME")]
    pub cluster_name: ClusterName,

    /// The file with the agent's NATS credentials, read again at each connection. Without it, none are sent.
    #[arg(long, env = "MCA_NATS_CREDS", value_name = "FILE")]
    pub nats_creds: Option<PathBuf>,

    /// The private key from `agent keygen`, if the file of --nats-creds contains only the token.
    #[arg(
        long,
        env = "MCA_NATS_SEED",
        value_name = "FILE",
        requires = "nats_creds"
    )]
    pub nats_seed: Option<PathBuf>,

    /// The file from which the token of a renewed credential is read, and to which it is written unless a ConfigMap is used
    /// [default: the file of --nats-creds with `.renewed` appended].
    #[arg(long, env = "MCA_NATS_RENEWED", value_name = "FILE")]
    pub nats_renewed: Option<PathBuf>,

    /// The ConfigMap in the agent's namespace that is mounted at --nats-renewed: the renewed token is stored there instead.
    #[arg(
        long,
        env = "MCA_NATS_RENEWED_CONFIG_MAP",
        value_name = "NAME",
        requires = "nats_renewed"
    )]
    pub nats_renewed_config_map: Option<String>,

    /// The verbs that may change something, separated by commas; empty: none. Requests for others are refused, from any sender.
    #[arg(long, env = "MCA_VERBS", value_name = "VERBS", default_value_t)]
    pub verbs: AllowedVerbs,

    /// The most rollouts under way at the same time that this agent has begun, so that no request or script replaces all pods at once;
    /// a change that would begin another one is refused. 0: any number.
    #[arg(long, env = "MCA_MAX_ROLLOUTS", value_name = "NUMBER", default_value_t = rollout_limit::DEFAULT)]
    pub max_rollouts: usize,

    /// The kubeconfig of the cluster [default, without --context: the pod's ServiceAccount].
    #[arg(long, env = "MCA_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// The context in the kubeconfig [default: its current context].
    #[arg(long, env = "MCA_CONTEXT")]
    pub context: Option<String>,

    /// The format of the log.
    #[arg(long, env = "MCA_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
}

impl Args {
    /// The configuration of the agent.
    #[must_use]
    pub fn config(self, bus: BusAddress) -> Config {
        let BusAddress { nats_url, nats_ca } = bus;
        let Self {
            cluster_name,
            nats_creds,
            nats_seed,
            nats_renewed,
            nats_renewed_config_map,
            verbs,
            max_rollouts,
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
            verbs,
            max_rollouts,
            kubernetes: Access::new(kubeconfig, context),
        }
    }
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
        let names = "/properties/agent/properties/settings/propertyNames/enum";
        let names = schema.pointer(names).unwrap().as_array().unwrap().iter();
        let names: BTreeSet<&str> = names.map(|name| name.as_str().unwrap()).collect();
        let command = Cli::command();
        let arguments = command.get_arguments();
        let variables = arguments.filter_map(|argument| argument.get_env()?.to_str());
        // Read by the log.
        let variables: BTreeSet<&str> = variables.chain(["MCA_LOG"]).collect();
        assert_eq!(names, variables, "k8s/chart/values.schema.json");
    }
}
