//! What all calls share.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::authentication::Authenticators;
use crate::public_url::Links;
use crate::session_cookie::SessionCookie;
use crate::trusted_proxies::TrustedProxies;
use audit::Audit;
use diagnostics::Conditions;
use diagnostics::Metrics;
use enrolment::{Agent, Enrolment};
use fleet::journal::Journal;
use fleet::{
    AgentLink, ChangeLimit, ClusterLabels, Fleet, FleetQueries, LogStreams, SharedRegistry,
};
use identity::Identity;

/// The state of every handler.
pub type App = Arc<AppState>;

/// The parts of the aggregator, made once by `run`.
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
    /// Whether agents can be reached.
    pub link: Arc<AgentLink>,
    /// Operations and their outcomes.
    pub journal: Journal,
    /// How much each user may change.
    pub change_limit: Arc<ChangeLimit>,
    /// Enrolment of clusters.
    pub enrolment: Enrolment,
    /// Who did what.
    pub audit: Audit,
    /// How the agents of new clusters are started.
    pub agents: Agent,
    /// Where what joins a cluster is fetched.
    pub links: Links,
    /// What is wrong with this process itself.
    pub conditions: Conditions,
    /// What is counted.
    pub metrics: Metrics,
    /// Who there is, and who is signed in.
    pub identity: Identity,
    /// Who makes a call.
    pub authenticators: Authenticators,
    /// How browsers hold a token.
    pub cookie: SessionCookie,
    /// Whose word about addresses is believed.
    pub trusted_proxies: TrustedProxies,
    /// Cancelled when the program is to stop: event streams end then.
    pub stopping: CancellationToken,
}
