//! The state shared by all calls.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::authentication::Authenticators;
use crate::dropped_cookie::DroppedCookie;
use crate::origin::Origin;
use crate::public_url::Links;
use crate::session_cookie::SessionCookie;
use crate::trusted_proxies::TrustedProxies;
use audit::Audit;
use diagnostics::Conditions;
use diagnostics::Metrics;
use enrolment::{Agent, Enrolment};
use fleet::journal::{IdempotencyKeys, Journal};
use fleet::{
    AgentLink, ChangeLimit, ClusterLabels, Fleet, FleetQueries, LogStreams, SharedRegistry,
};
use identity::Identity;
use runs::Runs;

/// The state of every handler.
pub type App = Arc<AppState>;

/// The parts of the aggregator, created once by `run`.
#[derive(Debug)]
pub struct AppState {
    /// Requests to one cluster.
    pub fleet: Arc<Fleet>,
    /// Requests to all clusters at once.
    pub queries: Arc<FleetQueries>,
    /// Followed logs.
    pub logs: LogStreams,
    /// What is known of clusters.
    pub registry: Arc<SharedRegistry>,
    /// Labels of clusters.
    pub labels: Arc<ClusterLabels>,
    /// Changes of many workloads.
    pub runs: Arc<Runs>,
    /// Whether agents can be reached.
    pub link: Arc<AgentLink>,
    /// Operations and their outcomes.
    pub journal: Journal,
    /// Requests made under an idempotency key.
    pub idempotency_keys: IdempotencyKeys,
    /// How much each user may change.
    pub change_limit: Arc<ChangeLimit>,
    /// Enrolment of clusters.
    pub enrolment: Enrolment,
    /// The audit.
    pub audit: Audit,
    /// The settings of new clusters' agents.
    pub agents: Agent,
    /// The URLs of links that join clusters.
    pub links: Links,
    /// The conditions of this process.
    pub conditions: Conditions,
    /// The metrics.
    pub metrics: Metrics,
    /// Users and sessions.
    pub identity: Identity,
    /// The authenticators of calls.
    pub authenticators: Authenticators,
    /// How browsers store a token.
    pub cookie: SessionCookie,
    /// Whether browsers drop that cookie.
    pub dropped_cookie: DroppedCookie,
    /// The proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: TrustedProxies,
    /// Origins whose pages may use the cookie, whatever the host of their requests is.
    pub trusted_origins: Vec<Origin>,
    /// Cancelled when the program stops, which ends event streams.
    pub stopping: CancellationToken,
}
