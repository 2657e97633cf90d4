//! `cargo xtask demo`: the whole system on this machine, against simulated or real clusters.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use xtask::data_dir::DataDir;
use xtask::programs::{Profile, Programs};
use xtask::{account, nats_cli, workspace};

use crate::{node, ui};
use announcement::Announcement;
use clusters::Size;
use fleet::Fleet;

mod announcement;
mod clusters;
mod enrolment;
mod fleet;

/// Starts nats-server, clusters, one agent for each and the aggregator; one Ctrl-C stops all
#[derive(Args)]
pub struct Options {
    /// How many clusters to simulate. With more than 20 all of them and their agents run in one process
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    clusters: u32,
    /// Namespaces with deployments in each simulated cluster
    #[arg(long, default_value_t = 5)]
    namespaces: u32,
    /// Deployments in each simulated cluster
    #[arg(long, default_value_t = 20)]
    deployments: u32,
    /// StatefulSets in each simulated cluster
    #[arg(long, default_value_t = 4)]
    statefulsets: u32,
    /// DaemonSets in each simulated cluster
    #[arg(long, default_value_t = 2)]
    daemonsets: u32,
    /// Where the aggregator listens; port 0 is a free one
    #[arg(long, default_value = "127.0.0.1:8000")]
    http: SocketAddr,
    /// Where nats-server listens; port 0 is a free one
    #[arg(long, default_value = "127.0.0.1:4222")]
    nats: SocketAddr,
    /// For logs, users, demo.json and the bus's store [default: .demo in the workspace]. The store is emptied at the
    /// start unless the clusters are real ones
    #[arg(long)]
    data: Option<PathBuf>,
    /// Real clusters instead of simulated ones: the kubeconfig that has their contexts
    #[arg(long, requires = "context")]
    kubeconfig: Option<PathBuf>,
    /// The contexts of the real clusters
    #[arg(long, requires = "kubeconfig", num_args = 1..)]
    context: Vec<String>,
    /// Build and run optimised programs
    #[arg(long)]
    release: bool,
}

impl Options {
    fn size(&self) -> Size {
        Size {
            clusters: self.clusters,
            namespaces: self.namespaces,
            deployments: self.deployments,
            statefulsets: self.statefulsets,
            daemonsets: self.daemonsets,
        }
    }
}

pub async fn run(options: Options) -> Result<()> {
    let mut stop = StopSignal::new()?;
    let dir = options.data.clone();
    let data = DataDir::open(&dir.unwrap_or_else(|| workspace::root().join(".demo")))?;
    let started = tokio::select! {
        started = start(&options, &data) => started,
        () = stop.received() => return Ok(()),
    };
    let (mut fleet, announcement) = started?;
    data.write_private("demo.json", &announcement.to_json()?)?;
    println!("{announcement}");
    let ended = tokio::select! {
        error = fleet.first_death() => Err(error),
        () = stop.received() => Ok(()),
    };
    println!("stopping");
    tokio::select! {
        stopped = fleet.stop() => stopped?,
        () = stop.received() => println!("killed"),
    }
    data.remove("demo.json")?;
    ended
}

async fn start(options: &Options, data: &DataDir) -> Result<(Fleet, Announcement)> {
    ensure_free(options.http, "--http")?;
    ensure_free(options.nats, "--nats")?;
    let profile = match options.release {
        true => Profile::Release,
        false => Profile::Debug,
    };
    let size = options.size();
    let in_one_process = options.kubeconfig.is_none() && size.in_one_process();
    let programs = Programs::build(profile).await?;
    let ui = tokio::task::spawn_blocking(build_ui).await??;
    if options.kubeconfig.is_none() {
        // The bus's store is about simulated clusters that no longer exist.
        data.remove("nats")?;
        data.remove(enrolment::DIR)?;
    }
    let mut fleet = Fleet::start_bus(options.nats, data).await?;
    let clusters = match &options.kubeconfig {
        Some(kubeconfig) => clusters::real(kubeconfig, &options.context)?,
        None if in_one_process => fleet.start_load_agents(&programs, size, data).await?,
        None => fleet.start_simulator(&programs, size, data).await?,
    };
    let account = account::create(&programs.aggregator, data).await?;
    let http = fleet.start_aggregator(&programs, options.http, &account, ui.as_deref(), data)?;
    let session = fleet.sign_in(http, &account).await?;
    if !in_one_process {
        fleet
            .start_agents(&programs, &clusters, &session, data)
            .await?;
    }
    let patience = size.ready_within();
    fleet.online(&session, clusters.len(), patience).await?;
    let example = session.any_deployment(&clusters[0].name).await?;
    session.end().await?;
    let announcement = Announcement {
        url: format!("http://{http}"),
        user: account::USER,
        password: account.password,
        nats_url: fleet.bus_url(),
        nats_creds: fleet.person_creds()?,
        clusters: clusters.into_iter().map(|cluster| cluster.name).collect(),
        pids: fleet.pids(),
        example,
        nats_cli: nats_cli::find()?,
    };
    Ok((fleet, announcement))
}

/// `None` if it cannot be built: the API works without it.
fn build_ui() -> Result<Option<PathBuf>> {
    if let Some(reason) = node::missing() {
        println!("without the web UI: {reason}");
        return Ok(None);
    }
    ui::build().map(Some)
}

/// Checked before anything is built or started; the error names the flag.
fn ensure_free(address: SocketAddr, flag: &str) -> Result<()> {
    let taken = std::net::TcpListener::bind(address)
        .is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse);
    ensure!(
        !taken,
        "{address} is in use: stop what listens there, or give another address with {flag}"
    );
    Ok(())
}

/// Ctrl-C or SIGTERM.
struct StopSignal {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignal {
    fn new() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
