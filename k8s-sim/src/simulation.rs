//! Many clusters in one process, seeded alike, each with its own address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::sync::DropGuard;

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::identity::Identities;
use crate::kubeconfig;
use crate::seed::{self, Plan, Profile};
use crate::state::State;

/// Stops when it is dropped: its listeners close and its watches end.
pub struct Simulation {
    clusters: Vec<Cluster>,
    clock: Clock,
    advertised: Option<String>,
    _shutdown: DropGuard,
}

#[derive(Clone, Debug)]
pub struct Builder {
    listen: Option<SocketAddr>,
    advertised: Option<String>,
    clusters: usize,
    seed: u64,
    clock: Clock,
    history: usize,
    plan: Plan,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenFailed {
    address: SocketAddr,
    #[source]
    cause: std::io::Error,
}

impl Simulation {
    /// One cluster with three namespaces and no workloads, on a free port, at the speed of a real one.
    pub fn builder() -> Builder {
        Builder {
            listen: Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)),
            advertised: None,
            clusters: 1,
            seed: 1,
            clock: Clock::real(),
            history: 16_384,
            plan: Plan::default(),
        }
    }

    pub fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    /// The cluster of this name: `cluster-a`, `cluster-b`, …
    pub fn cluster(&self, name: &str) -> &Cluster {
        let found = self.clusters.iter().find(|cluster| cluster.name() == name);
        found.unwrap_or_else(|| panic!("there is no {name} in this simulation"))
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Advances a manual clock; everything that becomes due happens, in order, before this returns.
    pub fn advance(&self, by: Duration) {
        let end = self.clock.now() + by;
        loop {
            let dues = self.clusters.iter().filter_map(Cluster::next_due);
            let Some(due) = dues.min().filter(|due| *due <= end) else {
                break;
            };
            self.clock.set(due);
            for cluster in &self.clusters {
                cluster.step(due);
            }
        }
        self.clock.set(end);
    }

    /// One kubeconfig with a context for each cluster, named like it.
    pub fn kubeconfig(&self) -> String {
        kubeconfig::render(&self.clusters, self.advertised.as_deref())
    }

    /// Writes the kubeconfig atomically.
    pub fn write_kubeconfig(&self, path: &Path) -> std::io::Result<()> {
        kubeconfig::write(&self.kubeconfig(), path)
    }
}

impl Builder {
    /// Where the first cluster listens. With port 0 each gets a free port, otherwise the following ones.
    pub fn listen(self, address: SocketAddr) -> Self {
        let listen = Some(address);
        Self { listen, ..self }
    }

    /// The host in the kubeconfig, instead of the address on which the clusters listen.
    pub fn advertise(self, host: &str) -> Self {
        let advertised = Some(host.to_owned());
        Self { advertised, ..self }
    }

    /// No sockets: the clusters are reachable only through [`Cluster::client`].
    pub fn without_listeners(self) -> Self {
        let listen = None;
        Self { listen, ..self }
    }

    pub fn clusters(self, clusters: usize) -> Self {
        Self { clusters, ..self }
    }

    /// How many namespaces each cluster has beside `default` and `kube-system`.
    pub fn namespaces(mut self, namespaces: usize) -> Self {
        self.plan.namespaces = namespaces;
        self
    }

    /// How many deployments each cluster has.
    pub fn deployments(mut self, deployments: usize) -> Self {
        self.plan.deployments = deployments;
        self
    }

    /// How many StatefulSets each cluster has.
    pub fn stateful_sets(mut self, stateful_sets: usize) -> Self {
        self.plan.stateful_sets = stateful_sets;
        self
    }

    /// How many DaemonSets each cluster has, all in `kube-system`.
    pub fn daemon_sets(mut self, daemon_sets: usize) -> Self {
        self.plan.daemon_sets = daemon_sets;
        self
    }

    pub fn profile(mut self, profile: Profile) -> Self {
        self.plan.profile = profile;
        self
    }

    /// Determines names, sizes, uids and log lines.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    pub fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The wall clock, with rollouts this many times faster than in a real cluster.
    pub fn speed(self, speed: f64) -> Self {
        self.clock(Clock::fast(speed))
    }

    /// How many changes each cluster remembers for watches.
    pub fn history(self, history: usize) -> Self {
        Self { history, ..self }
    }

    pub async fn start(self) -> Result<Simulation, ListenFailed> {
        let shutdown = CancellationToken::new();
        let mut clusters = Vec::with_capacity(self.clusters);
        for index in 0..self.clusters {
            let name = format!("cluster-{}", letters(index));
            let ids = Identities::new(self.seed, &name);
            let mut state = State::new(self.clock.clone(), ids, self.history);
            seed::plant(&mut state, &self.plan, self.seed, &name);
            let mut cluster = Cluster::new(name, state, shutdown.clone());
            if let Some(address) = self.address_of(index) {
                listen(&mut cluster, address).await?;
            }
            clusters.push(cluster);
        }
        Ok(Simulation {
            clusters,
            clock: self.clock,
            advertised: self.advertised,
            _shutdown: shutdown.drop_guard(),
        })
    }

    fn address_of(&self, index: usize) -> Option<SocketAddr> {
        let mut address = self.listen?;
        if address.port() != 0 {
            let port = u16::try_from(index)
                .ok()
                .and_then(|index| address.port().checked_add(index));
            address.set_port(port.expect("as many ports as clusters lie above the first one"));
        }
        Some(address)
    }
}

async fn listen(cluster: &mut Cluster, address: SocketAddr) -> Result<(), ListenFailed> {
    let failed = |cause| ListenFailed { address, cause };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    cluster.listen(listener).map_err(failed)
}

/// `a` to `z`, then `aa`, `ab`, … as the columns of a spreadsheet are counted.
fn letters(index: usize) -> String {
    let last = char::from(b'a' + u8::try_from(index % 26).expect("it is below 26"));
    match index / 26 {
        0 => last.to_string(),
        more => format!("{}{last}", letters(more - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::letters;

    #[test]
    fn clusters_are_lettered_like_columns() {
        let names: Vec<String> = [0, 25, 26, 27, 701, 702].into_iter().map(letters).collect();
        assert_eq!(names, ["a", "z", "aa", "ab", "zz", "aaa"]);
    }
}
