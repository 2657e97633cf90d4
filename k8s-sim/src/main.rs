//! `k8s-sim`: simulated clusters on loopback, until it is stopped.

mod arguments;

use anyhow::Context as _;
use clap::Parser as _;
use k8s_sim::Simulation;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use arguments::Arguments;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr)
        .init();
    run(arguments).await
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let simulation = arguments.builder().start().await?;
    arguments.set_faults(&simulation)?;
    let path = &arguments.kubeconfig_out;
    simulation
        .write_kubeconfig(path)
        .with_context(|| format!("cannot write the kubeconfig to {}", path.display()))?;
    announce(&simulation);
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}

fn announce(simulation: &Simulation) {
    for cluster in simulation.clusters() {
        if let Some(address) = cluster.address() {
            tracing::info!(cluster = cluster.name(), %address, "serving");
        }
    }
}
