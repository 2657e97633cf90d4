//! The keys of a server's bus, in its directory: created by the code of `aggregator bus init`, with credentials for the participants of
//! a test or the demo.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use bus_keys::{
    AggregatorKeys, PeopleKeys, Permit, Role, Secret, ServerSettings, init, private_file,
};
use jiff::{SignedDuration, Timestamp};

use super::Settings;

pub struct Keys {
    dir: PathBuf,
    pub aggregator: AggregatorKeys,
    pub people: PeopleKeys,
    written: AtomicU32,
}

/// From now on.
fn a_day() -> (Timestamp, Timestamp) {
    let now = Timestamp::now();
    (now, now + SignedDuration::from_hours(24))
}

impl Keys {
    /// The keys in the directory, created if missing.
    pub(super) fn of(settings: &Settings) -> Result<Self> {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::with_settings(
            &settings.dir,
            &ServerSettings {
                listen: settings.listen,
                store: settings.dir.clone(),
                tls: settings.tls.clone(),
                websocket: settings.websocket.then_some(free),
                members: vec![],
            },
        )
    }

    pub(crate) fn with_settings(server: &Path, settings: &ServerSettings) -> Result<Self> {
        let dir = server.join("keys");
        if !dir.exists() {
            init(&dir, settings, Timestamp::now())?;
        }
        Ok(Self {
            aggregator: AggregatorKeys::open(&dir.join(Role::Aggregator.dir()))?,
            people: PeopleKeys::open(&dir.join(Role::Operator.dir()))?,
            dir,
            written: AtomicU32::new(0),
        })
    }

    /// For a single server, or for one of several.
    pub(crate) fn server_config(&self, name: Option<&str>) -> PathBuf {
        let dir = self.dir.join(Role::Server.dir());
        dir.join(name.unwrap_or_default()).join("nats-server.conf")
    }

    /// The directory for `aggregator serve --bus-keys`.
    pub fn aggregator_dir(&self) -> PathBuf {
        self.dir.join(Role::Aggregator.dir())
    }

    /// The directory for `aggregator bus creds --keys`.
    pub fn operator_dir(&self) -> PathBuf {
        self.dir.join(Role::Operator.dir())
    }

    /// The aggregator's credentials; its inboxes begin with `_INBOX_aggregator`.
    pub fn aggregator_creds(&self) -> PathBuf {
        AggregatorKeys::aggregator_creds(&self.aggregator_dir())
    }

    /// Credentials of an agent of this cluster: new ones at each call.
    pub fn agent_creds(&self, cluster: &str) -> Result<PathBuf> {
        let name = cluster.parse().context("not the name of a cluster")?;
        let (_, text) = self.aggregator.agent_credentials(&name, a_day());
        self.write(cluster, &text)
    }

    /// Credentials of a person.
    pub fn cli_creds(&self, permit: &Permit) -> Result<PathBuf> {
        let (_, text) = self.people.credentials(permit, Timestamp::now());
        self.write(permit.name.as_str(), &text)
    }

    /// Credentials that may do everything: for a test that observes the bus or breaks things.
    pub fn admin_creds(&self) -> Result<PathBuf> {
        let (name, now) = ("admin".parse()?, Timestamp::now());
        let expires_at = now + SignedDuration::from_hours(24);
        let (_, text) = self.people.administrator(&name, expires_at, now);
        self.write("admin", &text)
    }

    fn write(&self, name: &str, text: &Secret) -> Result<PathBuf> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let unique = format!("{name}-{}-{number}.creds", std::process::id());
        let file = self.dir.join(unique);
        private_file(&file, text.expose())?;
        Ok(file)
    }
}
