//! The command line and its environment.

use std::path::PathBuf;

use bus_schema::ClusterName;
use clap::{Parser, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::kubernetes::Access;
use crate::run::Config;

/// Answers for one Kubernetes cluster on the bus.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// The cluster's name on the bus: a DNS-1123 label.
    #[arg(long, env = "MCA_CLUSTER_NAME")]
    pub cluster_name: ClusterName,

    /// Where the bus listens; several servers are separated by commas.
    #[arg(long, env = "MCA_NATS_URL", default_value = "nats://127.0.0.1:4222")]
    pub nats_url: String,

    /// The file with the agent's NATS credentials; absent: none are sent.
    #[arg(long, env = "MCA_NATS_CREDS", value_name = "FILE")]
    pub nats_creds: Option<PathBuf>,

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

/// How log lines look. What is logged is chosen by RUST_LOG, `info` if it is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line, control characters escaped.
    Json,
    /// For people at a terminal.
    Text,
}

impl LogFormat {
    /// Sends the program's log to standard error from now on.
    pub fn install(self) {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr);
        match self {
            Self::Json => log.json().flatten_event(true).init(),
            Self::Text => log.init(),
        }
    }
}

impl From<Args> for Config {
    fn from(args: Args) -> Self {
        let Args {
            cluster_name,
            nats_url,
            nats_creds,
            kubeconfig,
            context,
            log_format: _,
        } = args;
        Self {
            cluster: cluster_name,
            nats_url,
            nats_creds,
            kubernetes: Access::new(kubeconfig, context),
        }
    }
}
